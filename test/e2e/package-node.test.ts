import { execFile } from 'node:child_process'
import { rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { createContext, runInContext } from 'node:vm'
import * as esbuild from 'esbuild'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { block, readDocument } from '../support/documents.ts'
import { packagesWithSpillway } from '../support/example-app.ts'
import { testKey, writeKeys } from '../support/keys-file.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { emptyFolder } from '../support/test-models.ts'
import { writeEmbedder } from '../support/write-model.ts'

const run = promisify(execFile)

let folder: string
let server: TestServer
let key: string
beforeAll(async () => {
  const models = await emptyFolder()
  await writeEmbedder(models, 'embedder', { words: 50, width: 8, heads: 2, layers: 1, context: 32 })
  const backend = testKey('Backend')
  key = backend.key
  folder = dirname(await packagesWithSpillway([]))
  server = await startServer({ SPILLWAY_MODELS: models, SPILLWAY_KEYS: await writeKeys(backend) })
})
afterAll(async () => {
  await Promise.all([server?.stop(), rm(folder, { recursive: true })])
})

/** A program that asks a server for all that there is, and reports the answers as JSON. */
const program = () => `import { createRuntime, SpillwayError } from 'spillway/node'

async function answers() {
  const runtime = await createRuntime(${JSON.stringify({ server: server.url, key })})
  const digits = await runtime.model('digits')
  const image = new Float32Array(28 * 28)
  const { outputs, placement } = await digits.run({ image })
  const bard = await runtime.model('bard')
  let text = ''
  for await (const piece of bard.generate({ prompt: 'Once', maxTokens: 8 })) text += piece.text
  const embedder = await runtime.model('embedder')
  const { embeddings } = await embedder.embed(['a', 'b'])
  const codeOf = (answer) => answer.then(() => 'none', (error) => error instanceof SpillwayError && error.code)
  const codes = [
    await codeOf(digits.run({ image }, { policy: 'device' })),
    await codeOf(digits.run({ image: new Float32Array(3) })),
    await codeOf(digits.run({ image }, { signal: AbortSignal.abort() })),
    await codeOf(runtime.model('nothing')),
  ]
  const { tier, device } = await runtime.advise('digits')
  // Its deadline keeps no process.
  const left = digits.run({ image }, { deadlineMs: 200_000 })
  runtime.dispose()
  codes.push(await codeOf(left), await codeOf(digits.run({ image })))
  const sizes = [outputs.logits.data, ...embeddings].map(({ length }) => length)
  return JSON.stringify({ placement, sizes, text, codes, advice: [tier, device] })
}
answers().then(globalThis.report ?? console.log, globalThis.fail)
`
const answers = {
  placement: { tier: 'server', backend: 'cpu', reason: 'policy', explanation: 'The policy is "server"' },
  sizes: [10, 8, 8],
  text: expect.stringMatching(/\w/),
  codes: ['capacity_insufficient', 'input_size_invalid', 'aborted', 'model_unknown', 'closed', 'closed'],
  advice: ['server', null],
}

/** Runs a script in a process of Node, which has to end by itself. @returns What it printed. */
async function printed(script: string): Promise<string> {
  const file = join(folder, 'program.mjs')
  await writeFile(file, script)
  const { stdout, stderr } = await run(process.execPath, [file], { timeout: 60_000 })
  expect(stderr).toBe('')
  return stdout
}

describe('spillway/node', () => {
  test('runs, writes, embeds, fails and is disposed of in Node, whose process then ends', async () => {
    expect(JSON.parse(await printed(program()))).toMatchObject(answers)
  })

  test("ends the process of the guide's program, and of one that does not dispose of its runtime", async () => {
    const guide = block(await readDocument('web/README.md'), 'js', "from 'spillway/node'")
    const script = guide.replace(
      "{ server: 'http://localhost:8080/' }",
      JSON.stringify({ server: server.url, key }),
    )
    const line = 'server [ 1, 10 ]\n'
    expect(await printed(script)).toBe(line)
    expect(await printed(script.replace('runtime.dispose()', ''))).toBe(line)
  })

  test('needs nothing of Node: in one script it runs where only the web platform is', async () => {
    const { outputFiles, metafile } = await esbuild.build({
      stdin: { contents: program(), resolveDir: folder },
      bundle: true,
      platform: 'neutral',
      format: 'iife',
      write: false,
      metafile: true,
      logLevel: 'error',
    })
    expect(Object.values(metafile.outputs).flatMap(({ imports }) => imports)).toEqual([])
    const [script] = outputFiles
    const reported = await new Promise<string>((report, fail) => {
      const realm = createContext({ ...webPlatform(), report, fail })
      // Edge runtimes compile none.
      runInContext('delete globalThis.WebAssembly', realm)
      runInContext(script?.text ?? '', realm)
    })
    expect(JSON.parse(reported)).toMatchObject(answers)
  })

  test.each([
    [{}, 'input_value_invalid', 'needs a server'],
    [{ server: '/' }, 'input_value_invalid', 'absolute address'],
    [{ server: 'http://localhost:1/', maxLanes: 2 }, 'input_name_invalid', 'maxLanes'],
    [{ server: 'http://localhost:1/', key: 'pk_1' }, 'input_value_invalid', 'sk_'],
  ])('refuses the options %j', async (options, code, words) => {
    const { createRuntime } = await import(join(folder, 'node_modules/spillway/node.js'))
    const error = await createRuntime(options).catch((cause: unknown) => cause)
    expect(error).toMatchObject({ code, message: expect.stringContaining(words) })
  })
})

/** The globals that Node, Deno, Bun and edge runtimes share. */
function webPlatform(): Record<string, unknown> {
  const names = [
    'AbortController',
    'AbortSignal',
    'Event',
    'EventTarget',
    'Headers',
    'ReadableStream',
    'Request',
    'Response',
    'TextDecoder',
    'TextEncoder',
    'URL',
    'URLSearchParams',
    'clearTimeout',
    'crypto',
    'fetch',
    'performance',
    'queueMicrotask',
    'setTimeout',
    'structuredClone',
  ] as const
  return Object.fromEntries(names.map((name) => [name, Reflect.get(globalThis, name)]))
}
