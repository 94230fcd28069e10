import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))
const generated = new Set(['node_modules', 'dist', '.git'])

function markdownFiles(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (generated.has(entry.name)) return []
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return markdownFiles(path)
    return entry.name.endsWith('.md') ? [path] : []
  })
}

/** A document without its blocks of code: those hold examples. */
const proseOf = (path: string) => readFileSync(path, 'utf8').replace(/^(`{3,})[\s\S]*?^\1/gm, '')

const withoutSpans = (prose: string) => prose.replace(/`[^`\n]*`/g, '')

const linksOf = (path: string): string[] =>
  [...withoutSpans(proseOf(path)).matchAll(/\]\(([^()\s]+)\)/g)].map(([, target = '']) => target)

/** The anchor that GitHub gives a heading. */
const anchorOf = (heading: string) =>
  heading
    .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .replace(/\s/g, '-')

const anchorsOf = (path: string) =>
  new Set(
    [...proseOf(path).matchAll(/^#{1,6}\s+(.+)$/gm)].map(([, heading = '']) => anchorOf(heading.trim())),
  )

const isRelative = (target: string) => !/^[a-z][a-z+.-]*:/i.test(target)

function faultOf(from: string, target: string): string | undefined {
  const [path = '', anchor] = target.split('#')
  const file = path === '' ? from : join(dirname(from), decodeURIComponent(path))
  if (!existsSync(file)) return `${target}: there is no such file`
  if (anchor !== undefined && !anchorsOf(file).has(anchor)) return `${target}: there is no such heading`
  return undefined
}

/** Paths of the repository that a document names in code font: `web/api/index.ts`, `workers/lane/`. */
const pathsOf = (path: string): string[] =>
  [...proseOf(path).matchAll(/`((?:web|server|workers|models|test|\.ci|\.github)\/[\w./-]*)`/g)].map(
    ([, named = '']) => named,
  )

const files = markdownFiles(root).map((path) => relative(root, path))
const guides = files.filter((path) => !path.includes('/') || path.startsWith('test/bench/decisions/'))

describe('documents', () => {
  test.each(files)('%s links to files and headings that exist', (path) => {
    const from = join(root, path)
    const faults = linksOf(from)
      .filter(isRelative)
      .map((target) => faultOf(from, target))
    expect(faults.filter((fault) => fault !== undefined)).toEqual([])
  })

  test.each(guides.filter((path) => path !== 'CHANGELOG.md'))('%s names paths that exist', (path) => {
    expect(pathsOf(join(root, path)).filter((named) => !existsSync(join(root, named)))).toEqual([])
  })
})
