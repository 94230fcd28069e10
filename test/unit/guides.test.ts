import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { errorStatus } from '../../models/core/error.ts'
import { guidePage } from '../../web/build/docs/guide-page.ts'
import { renderGuides } from '../../web/build/docs/render-guides.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const read = (path: string) => readFileSync(join(root, path), 'utf8')

const guides = renderGuides(read)
const pages = new Map(
  guides.map(({ guide }, index) => [
    guide.name === 'index' ? './' : `./${guide.name}.html`,
    guidePage(guides, index),
  ]),
)
const attributes = (html: string, name: string) =>
  [...html.matchAll(new RegExp(` ${name}="([^"]*)"`, 'g'))].map(([, value = '']) => value)

describe('the guides', () => {
  test.each([...pages])('of %s have links and ids that lead to one place each', (_, html) => {
    const ids = attributes(html, 'id')
    expect(ids).toEqual([...new Set(ids)])
    const faults = attributes(html, 'href').filter((href) => {
      if (/^(?:https?:|\.\.\/styles\/)/.test(href)) return false
      const [page = '', id] = href.split('#')
      const target = page === '' ? html : pages.get(page)
      return target === undefined || (id !== undefined && !attributes(target, 'id').includes(id))
    })
    expect(faults).toEqual([])
  })

  test('have a list of all with the sections of the current one, and its neighbours', () => {
    const html = pages.get('./embed.html') ?? ''
    for (const href of pages.keys()) expect(attributes(html, 'href')).toContain(href)
    expect(html).toContain('<a href="./embed.html" aria-current="page">Embed</a><ul><li><a href="#start">')
    expect(html).toContain('<a rel="prev" href="./"><span>Previous</span> Start</a>')
    expect(html).toContain('<a rel="next" href="./elements.html"><span>Next</span> Elements</a>')
  })

  test('show code as it is written, and headings below the title of the guide', () => {
    const html = pages.get('./') ?? ''
    expect(html).toContain(
      '&lt;script type=&quot;module&quot; src=&quot;http://localhost:8080/embed.js&quot;&gt;',
    )
    expect(html.match(/<h[1-3][ >]/g)?.slice(0, 2)).toEqual(['<h2 ', '<h3 '])
  })
})

/** The sources without their tests. */
function sources(folder: string): string {
  return readdirSync(join(root, folder), { withFileTypes: true })
    .map((entry) => {
      const path = join(folder, entry.name)
      if (entry.isDirectory()) return sources(path)
      return entry.name.endsWith('.ts') ? read(path) : ''
    })
    .join('\n')
}

/** The words of a message that do not depend on the case. */
const fixedWords = (message: string) =>
  message
    .split(/…|: expected |, got |: got |\. /)
    .map((part) => part.replace(/^[\s".,:]+|[\s".,:]+$/g, ''))
    .filter((part) => part.length > 10)

describe('the guide to errors', () => {
  const sections = read('web/docs/errors.md').split(/^### /m).slice(1)
  const codes = sections.map((section) => /^`(\w+)`\n/.exec(section)?.[1])

  test('has a section for each code and for nothing else', () => {
    expect([...codes].sort()).toEqual(Object.keys(errorStatus).sort())
  })

  const all = ['models', 'workers', 'web', 'server'].map(sources).join('\n')
  test.each(sections.map((section, index) => [codes[index], section] as const))(
    'says of %s what it means, what to do, and an example that the code has',
    (_, section) => {
      const [, meaning = '', advice = '', example = ''] = section.replace(/\n## .*$/s, '').split('\n\n')
      for (const text of [meaning, advice]) expect(text).toMatch(/^[`A-Z].*\.$/s)
      const [, message = ''] = /^Example: `([^`]+)`/.exec(example) ?? []
      expect(fixedWords(message)).not.toEqual([])
      expect(fixedWords(message).filter((words) => !all.includes(words))).toEqual([])
    },
  )

  test('is where the page of the site leads', () => {
    for (const code of Object.keys(errorStatus))
      expect(attributes(pages.get('./errors.html') ?? '', 'id')).toContain(code)
  })
})
