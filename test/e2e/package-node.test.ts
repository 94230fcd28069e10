import { execFile } from 'node:child_process'
import { appendFile, cp, readdir, rm, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { createContext, runInContext } from 'node:vm'
import * as esbuild from 'esbuild'
import { afterAll, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest'

import { block, readDocument } from '../support/documents.ts'
import { packagesWithSpillway } from '../support/example-app.ts'
import { testKey, writeKeys } from '../support/keys-file.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { emptyFolder } from '../support/test-models.ts'
import { webPlatform } from '../support/web-platform.ts'
import { writeEmbedder } from '../support/write-model.ts'

const run = promisify(execFile)
const root = join(import.meta.dirname, '../..')

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
  await cp(join(root, 'models/catalogue'), join(folder, 'models'), { recursive: true })
  await cp(join(models, 'embedder'), join(folder, 'models/embedder'), { recursive: true })
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
  const { stdout, stderr } = await run(process.execPath, [file], { timeout: 60_000, cwd: folder })
  expect(stderr).toBe('')
  return stdout
}

describe('spillway/node', () => {
  test('runs, writes, embeds, fails and is disposed of in Node, whose process then ends', async () => {
    expect(JSON.parse(await printed(program()))).toMatchObject(answers)
  })

  test("ends the process of the guide's program, and of one that does not dispose of its runtime", async () => {
    const guide = block(await readDocument('web/README.md'), 'js', "{ server: 'http://localhost:8080/' }")
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
    [{ lanes: 2 }, 'input_value_invalid', 'lanes'],
    [{ lanes: true, serve: 'http://localhost:1/' }, 'input_name_invalid', 'serve'],
    [{ lanes: true, server: '/' }, 'input_value_invalid', 'absolute address'],
    // A script that was bundled for another platform.
    [{ lanes: true }, 'not_supported', 'the condition "node"'],
    [{ server: 'http://localhost:1/', key: 'pk_1' }, 'input_value_invalid', 'sk_'],
  ])('refuses the options %j', async (options, code, words) => {
    const { createRuntime } = await import(join(folder, 'node_modules/spillway/node.js'))
    const error = await createRuntime(options).catch((cause: unknown) => cause)
    expect(error).toMatchObject({ code, message: expect.stringContaining(words) })
  })
})

/** What a program returns that has a runtime with lanes. */
async function withLanes(options: object, body: string): Promise<unknown> {
  const script = `import { createRuntime, SpillwayError } from 'spillway/node'
import { readFileSync } from 'node:fs'
const runtime = await createRuntime(${JSON.stringify({ lanes: true, cache: 'cache', ...options })})
const image = new Float32Array(784)
const codeOf = (answer) => answer.then(() => 'none', (error) => error instanceof SpillwayError && error.code)
async function answers() {
  ${body}
}
const answer = await answers()
runtime.dispose()
console.log(JSON.stringify(answer))
`
  return JSON.parse(await printed(script))
}

test('lanes of a program without onnxruntime-node are refused, with what to install', async () => {
  const { createRuntime } = await import(join(folder, 'node_modules/spillway/node-lanes.js'))
  await expect(createRuntime({ lanes: true })).rejects.toMatchObject({
    code: 'not_supported',
    message: expect.stringContaining('npm install onnxruntime-node'),
  })
})

describe('a program with lanes', () => {
  beforeAll(() =>
    symlink(join(root, 'node_modules/onnxruntime-node'), join(folder, 'node_modules/onnxruntime-node')),
  )
  beforeEach(() => rm(join(folder, 'cache'), { recursive: true, force: true }))

  test('runs, writes, embeds and is disposed of without a server, on models of its folder', async () => {
    const answers = await withLanes(
      { models: './models', policy: 'device' },
      `const digits = await runtime.model('digits')
  const [{ outputs, placement }] = await Promise.all(Array.from({ length: 32 }, () => digits.run({ image })))
  const bard = await runtime.model(${JSON.stringify(pathToFileURL(join(folder, 'models/bard')).href)})
  let text = ''
  for await (const piece of bard.generate({ prompt: 'Once', maxTokens: 8 })) text += piece.text
  const { embeddings } = await (await runtime.model('./models/embedder')).embed(['a', 'b'])
  const { device } = await runtime.advise('digits')
  const { models: [batches] } = runtime.stats().device
  const codes = [
    await codeOf(runtime.model('nothing')),
    await codeOf(digits.run({ image }, { policy: 'server' })),
    await codeOf(digits.run({ image: new Float32Array(3) })),
  ]
  const left = digits.run({ image })
  runtime.dispose()
  codes.push(await codeOf(left), await codeOf(digits.run({ image })))
  return {
    placement, text, device, codes, isBatched: batches.batches < 32,
    sizes: [outputs.logits.data, ...embeddings].map(({ length }) => length),
  }`,
    )
    expect(answers).toEqual({
      placement: {
        tier: 'device',
        backend: 'cpu',
        variant: 'q8',
        reason: 'policy',
        explanation: 'The policy is "device": This program has lanes on the CPU',
      },
      text: expect.stringMatching(/\w/),
      device: expect.objectContaining({
        backend: 'cpu',
        variant: 'q8',
        downloadBytes: 0,
        storedBytes: 37_992,
      }),
      codes: ['model_unknown', 'server_absent', 'input_size_invalid', 'closed', 'closed'],
      isBatched: true,
      sizes: [10, 8, 8],
    })
  })

  test('answers all requests of lanes that are killed', async () => {
    const answers = await withLanes(
      { models: './models' },
      `const digits = await runtime.model('digits')
  await digits.run({ image })
  const waiting = Promise.all(Array.from({ length: 64 }, () => digits.run({ image })))
  const lanes = readFileSync(\`/proc/self/task/\${process.pid}/children\`, 'utf8').trim().split(' ').map(Number)
  for (const pid of lanes) process.kill(pid, 'SIGKILL')
  const placed = await waiting
  return [lanes.length > 0, placed.every(({ placement }) => placement.tier === 'device')]`,
    )
    expect(answers).toEqual([true, true])
  })

  test("asks its server until the device has the server's model, which stays in the folder", async () => {
    const options = { server: server.url, key }
    const body = `const digits = await runtime.model('digits')
  const { placement: { reason } } = await digits.run({ image })
  await digits.load()
  const { placement, outputs } = await digits.run({ image })
  const stored = await runtime.storage.list()
  return { reason, placement, size: outputs.logits.data.length, stored: stored.map(({ id, bytes, isComplete }) => [id, bytes, isComplete]) }`
    const answers = {
      reason: 'bridge',
      placement: expect.objectContaining({ tier: 'device', backend: 'cpu', reason: 'device-capable' }),
      size: 10,
      stored: [['digits', 37_992, true]],
    }
    expect(await withLanes(options, body)).toEqual(answers)
    const path = join(folder, 'cache/models/digits@1/q8')
    expect(await readdir(path)).toEqual(['model.onnx'])
    // The next process verifies the file, and downloads one anew that was changed.
    await appendFile(join(path, 'model.onnx'), 'more')
    expect(await withLanes(options, body)).toEqual(answers)
  })

  test("runs the hub's models, whose weights lie beside their graphs", async () => {
    const { url: endpoint } = inject('hub')
    const answers = await withLanes(
      { hub: { endpoint } },
      `const model = await runtime.model('hf:owner/external')
  const { placement, outputs } = await model.run({
    input_ids: BigInt64Array.of(5n), attention_mask: BigInt64Array.of(1n), token_type_ids: BigInt64Array.of(0n),
  })
  return [placement.backend, Array.from(outputs.last_hidden_state.data)]`,
    )
    expect(answers).toEqual(['cpu', inject('hub').rows[0]])
  })

  test('is told to stay out of a bundle, in which its lanes have no script', async () => {
    const contents = `import { createRuntime } from 'spillway/node'
createRuntime({ lanes: true }).catch(({ code, message }) => console.log(code, message))`
    const outfile = join(folder, 'bundled/program.mjs')
    const stdin = { contents, resolveDir: folder }
    await esbuild.build({ stdin, bundle: true, platform: 'node', format: 'esm', outfile, logLevel: 'error' })
    const { stdout } = await run(process.execPath, [outfile])
    expect(stdout).toMatch(/^not_supported .*Leave spillway out of the bundle/)
  })

  test("runs the guide's program", async () => {
    const guide = block(await readDocument('web/README.md'), 'js', 'lanes: true')
    await writeFile(join(folder, 'guide.mjs'), guide)
    const { stdout } = await run(process.execPath, ['guide.mjs'], { cwd: folder })
    expect(stdout).toBe('device cpu [ 1, 10 ]\n')
  })
})
