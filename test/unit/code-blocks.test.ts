import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))
const read = (path: string) => readFileSync(join(root, path), 'utf8')

/**
 * The tests that run a document's blocks of code as they stand, each with the words by which it finds its block. Blocks
 * of `npm` commands are not listed: they are checked against package.json below.
 */
const runBy: Readonly<Record<string, readonly (readonly [test: string, words: string])[]>> = {
  'README.md': [
    ['test/e2e/readme.test.ts', 'embed.js'],
    ['test/e2e/readme.test.ts', 'for await (const { text, placement } of bard.generate'],
    ['test/e2e/readme.test.ts', 'json_schema'],
    ['test/e2e/readme.test.ts', 'hf:'],
    ['test/e2e/readme.test.ts', 'spillway.js inspect'],
    ['test/e2e/hub-to-answer.test.ts', 'pull'],
  ],
  'web/README.md': [
    ['test/e2e/readme.test.ts', 'preload'],
    ['test/e2e/readme.test.ts', "from 'http://localhost:8080/embed.js'"],
    ['test/e2e/package.test.ts', "import { createRuntime } from 'spillway'"],
    ['test/e2e/package-node.test.ts', "{ server: 'http://localhost:8080/' }"],
    ['test/e2e/package-node.test.ts', 'lanes: true'],
    ['test/e2e/embed.test.ts', 'spillway:ready'],
    ['test/e2e/integrity.test.ts', 'importmap'],
    ['test/e2e/readme.test.ts', 'model.unload'],
    ['test/e2e/readme.test.ts', 'runtime.advise'],
    ['test/e2e/readme.test.ts', 'createSession'],
    ['test/e2e/readme.test.ts', "truncation: 'auto'"],
    ['test/unit/tool-loop.test.ts', 'execute: async'],
    ['test/e2e/readme.test.ts', 'runtime.openai'],
    ['test/e2e/readme.test.ts', "addEventListener('stats'"],
    ['test/e2e/readme.test.ts', 'error.code'],
    // A line of README's first block, which the same test runs.
    ['test/e2e/readme.test.ts', 'embed.js'],
  ],
  'web/elements/README.md': [
    ['test/e2e/elements.test.ts', 'elements.js'],
    ['test/e2e/elements.test.ts', 'required'],
    ['test/e2e/elements.test.ts', 'placeholder'],
  ],
  'web/adapters/README.md': [
    ['test/e2e/examples.test.ts', "from 'spillway/ai'"],
    ['test/e2e/ort.test.ts', 'resolve: { alias'],
    ['test/e2e/ort.test.ts', "from 'spillway/ort'"],
  ],
  'server/README.md': [
    ['test/unit/server-config.test.ts', '"maxQueued": 200'],
    ['test/e2e/package-server.test.ts', "from 'spillway/server'"],
  ],
  'server/SECURITY.md': [
    ['test/tools/key.test.ts', 'spillway key create'],
    ['test/tools/key.test.ts', '"keys"'],
  ],
  'server/UPSTREAMS.md': [
    ['test/unit/upstream-config.test.ts', '"TRITON_KEY"'],
    ['test/unit/upstream-config.test.ts', '"Qwen/Qwen3-32B"'],
    ['test/unit/upstream-config.test.ts', '"id": "assistant"'],
  ],
  'server/deploy/README.md': [['test/server/deploy.test.ts', 'kubectl create secret']],
  'models/README.md': [
    ['test/unit/manifest.test.ts', '```json'],
    ['test/tools/page.test.ts', 'spillway page'],
  ],
}

/** Examples of which a block is a whole file: a test builds them and uses them, each below its name. */
const exampleTest = 'test/e2e/examples.test.ts'
const exampleFiles: Readonly<Record<string, readonly string[]>> = {
  'web/adapters/README.md': [
    'react/src/blank-picture.jsx',
    'vite-vue/src/BlankPicture.vue',
    'svelte/src/BlankPicture.svelte',
    'transformers/src/compare.js',
  ],
}
const readExample = (file: string) => read(join('web/examples', file))

function documents(folder = '.'): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    if (['node_modules', 'dist', '.git'].includes(entry.name)) return []
    if (entry.isDirectory()) return documents(path)
    return entry.name.endsWith('.md') ? [path] : []
  })
}

interface Block {
  readonly document: string
  readonly language: string
  readonly text: string
}

const blocks = documents().flatMap((document) =>
  [...read(document).matchAll(/^```(\w*)\n([\s\S]*?)^```/gm)].map(
    ([text, language = '']): Block => ({ document, language, text }),
  ),
)
const linesOf = ({ text }: Block) => text.split('\n').slice(1, -1)
const isNpm = (block: Block) =>
  block.language === 'sh' && linesOf(block).every((line) => /^(npm |export |$)/.test(line))
/** Training takes an hour and Debian's packages: its commands are only checked to name files that exist. */
const isRecipe = ({ document }: Block) => /^models\/(train|catalogue)\//.test(document)
/** Drawings of how parts work together. */
const isDrawing = ({ language, text }: Block) =>
  language === 'mermaid' || (language === '' && /[─→⇢]/.test(text))
const isExample = ({ document, text }: Block) =>
  (exampleFiles[document] ?? []).some((file) => text.includes(`\n${readExample(file)}\`\`\``))
const named = (block: Block) => `${block.document}: ${linesOf(block)[0]}`

describe('a block of code in a document', () => {
  const toRun = blocks.filter((block) => ![isDrawing, isNpm, isRecipe, isExample].some((is) => is(block)))

  test.each(toRun.map((block) => [named(block), block] as const))('is run by a test: %s', (_, block) => {
    const runs = runBy[block.document] ?? []
    expect(runs.filter(([, words]) => block.text.includes(words))).not.toEqual([])
  })

  test.each(
    Object.entries(runBy).flatMap(([document, runs]) => runs.map(([file, words]) => [document, words, file])),
  )('of %s with %s is found by %s', (document, words, file) => {
    const found = blocks.filter((block) => block.document === document && block.text.includes(words))
    expect(found).not.toEqual([])
    expect(read(file)).toContain(words)
  })

  test.each(
    Object.entries(exampleFiles).flatMap(([document, files]) => files.map((file) => [file, document])),
  )('is the file %s of an example that a test uses, in %s', (file, document) => {
    const [language] = file.split('.').slice(-1)
    expect(read(document)).toContain(`\`\`\`${language}\n${readExample(file)}\`\`\``)
    expect(read(exampleTest)).toMatch(new RegExp(`'${file.split('/')[0]}'`))
  })

  test('names scripts of package.json where it has npm commands', () => {
    const { scripts } = JSON.parse(read('package.json'))
    const commands = blocks.filter(isNpm).flatMap(linesOf)
    const used = commands.flatMap((line) =>
      [...line.matchAll(/npm (?:run )?([\w:]+)/g)].map(([, name]) => name),
    )
    expect(used).toContain('start')
    for (const name of used) expect(['ci', 'pack', 'install', ...Object.keys(scripts)]).toContain(name)
  })

  test('names files that exist where it is a recipe of training', () => {
    const named = blocks.filter(isRecipe).flatMap(({ text }) => text.match(/models\/train\/[\w.-]+/g) ?? [])
    expect(named).toContain('models/train/bard.py')
    for (const path of named) expect(existsSync(join(root, path)), path).toBe(true)
  })

  test('for the page author begins with the script of README', () => {
    const [script] = /^<script .*embed\.js.*$/m.exec(read('web/README.md')) ?? []
    expect(read('README.md')).toContain(script)
  })

  test('for a first run is what continuous integration runs', () => {
    expect(read('.ci/run')).toContain('\nnpm ci && npm test\n')
    expect(read('README.md')).toContain('\nnpm ci && npm test\n')
    // `npm start` is what tests of the server do: a build, then this file.
    expect(JSON.parse(read('package.json')).scripts.start).toBe('npm run build && node dist/server/main.js')
  })
})
