import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Manifest } from '../../models/core/index.ts'
import type { Pulled } from '../../models/tools/pull/pull.ts'
import { startHub, type TestHub } from '../support/hub.ts'
import {
  decoderRepository,
  embedderGraph,
  embedderRepository,
  embedderRow,
  withExternalData,
} from '../support/hub-models.ts'
import { startTestApp } from '../support/test-app.ts'
import { emptyFolder } from '../support/test-models.ts'
import { spillway, spillwayJson } from './support/command.ts'

let hub: TestHub
const embedder = embedderRepository()
const alone = withExternalData(embedderGraph(), 'net.onnx_data')
beforeAll(async () => {
  hub = await startHub({
    'owner/embedder': embedder,
    'owner/decoder': decoderRepository(),
    'owner/private': { ...embedder, access: 'private' },
    'owner/gated': { ...embedder, access: 'gated' },
    'owner/torch': { files: { 'config.json': '{}', 'model.safetensors': 'x' } },
    'owner/net': { files: { 'net.onnx': alone.graph, 'net.onnx_data': alone.data } },
    'owner/garbage': { files: { 'config.json': '{}', 'onnx/model.onnx': 'no ONNX at all' } },
  })
})
afterAll(() => hub.stop())
beforeEach(() => {
  vi.stubEnv('HF_ENDPOINT', hub.url.href)
  vi.stubEnv('HF_TOKEN', '')
})
afterEach(() => {
  hub.fault = () => 'pass'
  hub.clear()
  vi.unstubAllEnvs()
})

const folderFor = async () => join(await emptyFolder(), 'model')
const manifestOf = (folder: string): Manifest =>
  JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8'))
const fetchedFrom = (path: RegExp) =>
  hub.seen.filter((entry) => entry.origin === 'store' && path.test(entry.path))

describe('spillway pull', () => {
  test('fetches a repository, derives its manifest from the graphs, and the server runs it', async () => {
    const folder = await folderFor()
    const { manifest, bytes } = await spillwayJson<Pulled>('pull', 'hf:owner/embedder', '-o', folder)
    expect(manifestOf(folder)).toEqual(manifest)
    expect(manifest).toMatchObject({
      id: 'owner--embedder',
      version: hub.commit('owner/embedder'),
      license: 'apache-2.0',
      task: 'feature-extraction',
      embedding: { pooling: 'mean', context: 128 },
      inputs: [
        { name: 'input_ids', type: 'int64', shape: [-1, -1], pad: { axis: 1, value: 0 } },
        { name: 'attention_mask' },
        { name: 'token_type_ids' },
      ],
      outputs: [{ name: 'last_hidden_state', shape: [-1, -1, 32], pad: { axis: 1, value: 0 } }],
      batchAxis: 0,
    })
    expect(manifest.variants.map(({ id }) => id)).toEqual(['quantized', 'fp32'])
    expect(bytes).toBeGreaterThan(10_000)
    expect((await spillway('verify', folder)).code).toBe(0)
    expect(readdirSync(join(folder, 'onnx')).some((name) => name.includes('partial'))).toBe(false)

    const app = await startTestApp({ models: [folder] })
    const response = await app.request('/v2/models/owner--embedder/infer', {
      method: 'POST',
      body: JSON.stringify({
        inputs: ['input_ids', 'attention_mask', 'token_type_ids'].map((name, index) => ({
          name,
          datatype: 'INT64',
          shape: [1, 2],
          data: [
            [5, 7],
            [1, 1],
            [0, 0],
          ][index],
        })),
      }),
    })
    const { outputs } = await response.json()
    app.close()
    expect(outputs[0].data).toEqual([...embedderRow(5, 0), ...embedderRow(7, 0)])
  })

  test('fetches a requested variant with its external data, and the server runs it', async () => {
    const folder = await folderFor()
    const { manifest } = await spillwayJson<Pulled>(
      ...['pull', 'hf:owner/embedder@v1', '--variant', 'fp32', '-o', folder],
    )
    expect(manifest.variants).toMatchObject([
      { id: 'fp32', files: [{ path: 'onnx/model.onnx' }, { path: 'onnx/model.onnx_data' }] },
    ])
    expect(existsSync(join(folder, 'onnx', 'model_quantized.onnx'))).toBe(false)
    const app = await startTestApp({ models: [folder] })
    const { status } = await app.request('/v2/models/owner--embedder/ready')
    app.close()
    expect(status).toBe(200)
    // Another variant later joins it.
    const more = await spillwayJson<Pulled>('pull', 'hf:owner/embedder', '--to', 'q8', '-o', folder)
    expect(more.manifest.variants.map(({ id }) => id)).toEqual(['quantized', 'fp32'])
  })

  test('reads the KV cache of a decoder from its graph', async () => {
    const folder = await folderFor()
    const { manifest } = await spillwayJson<Pulled>(
      'pull',
      'hf:owner/decoder',
      '--variant',
      'all',
      '-o',
      folder,
    )
    expect(manifest).toMatchObject({
      task: 'text-generation',
      generation: {
        context: 256,
        vocabulary: 48,
        stopTokens: [2, 3],
        kv: { layers: 1, heads: 2, headDim: 4 },
        batched: false,
        sampling: { temperature: 0.6, topK: 50 },
      },
    })
    // The graph takes no positions, whatever others of its family take.
    expect(manifest.inputs.map(({ name }) => name)).toEqual(['input_ids', 'attention_mask'])
    expect(manifest.tokenizer?.map(({ path }) => path)).toEqual(['tokenizer.json', 'tokenizer_config.json'])
  })

  test('fetches no file that is already there', async () => {
    const folder = await folderFor()
    await spillwayJson<Pulled>('pull', 'hf:owner/embedder', '-o', folder)
    hub.clear()
    await spillwayJson<Pulled>('pull', 'hf:owner/embedder', '-o', folder)
    expect(fetchedFrom(/./)).toEqual([])
  })

  test('resumes after a broken connection and after an earlier attempt', async () => {
    const folder = await folderFor()
    let cuts = 0
    hub.fault = (path) => (path.startsWith('/blobs/') && cuts++ < 3 ? 'cut' : 'pass')
    await spillwayJson<Pulled>('pull', 'hf:owner/embedder', '--variant', 'fp32', '-o', folder)
    const ranges = fetchedFrom(/./).map(({ range }) => range)
    expect(ranges.filter((range) => range !== undefined).length).toBeGreaterThan(0)
    expect((await spillway('verify', folder)).code).toBe(0)

    const other = await folderFor()
    const graph = manifestOf(folder).variants[0]?.files[1] ?? expect.fail('no data')
    await spillwayJson<Pulled>('pull', 'hf:owner/embedder', '--variant', 'quantized', '-o', other)
    const half = readFileSync(join(folder, graph.path)).subarray(0, graph.size >> 1)
    writeFileSync(join(other, 'onnx', '.model.onnx_data.partial'), half)
    hub.clear()
    await spillwayJson<Pulled>('pull', 'hf:owner/embedder', '--variant', 'fp32', '-o', other)
    expect(fetchedFrom(/./).map(({ range }) => range)).toContain(`bytes=${half.length}-`)
    expect((await spillway('verify', other)).code).toBe(0)
  })

  test('sends a token to the hub and to no other origin', async () => {
    vi.stubEnv('HF_TOKEN', hub.token)
    const folder = await folderFor()
    await spillwayJson<Pulled>('pull', 'hf:owner/private', '-o', folder)
    expect(fetchedFrom(/./).every(({ authorization }) => authorization === undefined)).toBe(true)
    expect(readFileSync(join(folder, 'manifest.json'), 'utf8')).not.toContain(hub.token)
  })

  test('fetches a model by the manifest of another site', async () => {
    const app = await startTestApp({})
    const { createServer } = await import('node:http')
    const site = createServer(async (request, response) => {
      const answer = await app.request(request.url ?? '/')
      response.writeHead(answer.status, Object.fromEntries(answer.headers))
      response.end(Buffer.from(await answer.arrayBuffer()))
    }).listen(0, '127.0.0.1')
    await new Promise((resolve) => site.once('listening', resolve))
    const address = site.address()
    const port = typeof address === 'object' ? address?.port : undefined
    const folder = await folderFor()
    const source = `http://127.0.0.1:${port}/models/digits/manifest.json`
    const { manifest } = await spillwayJson<Pulled>('pull', source, '--variant', 'fp32', '-o', folder)
    site.close()
    app.close()
    expect(manifest.id).toBe('digits')
    expect((await spillway('verify', folder)).code).toBe(0)
  })

  test('fetches an ONNX file with its external data, checked by the hash from the hub', async () => {
    const folder = await folderFor()
    const source = `${hub.url.href}owner/net/resolve/main/net.onnx`
    const { manifest } = await spillwayJson<Pulled>('pull', source, '-o', folder)
    expect(manifest).toMatchObject({ id: 'net', task: 'tensor', batchAxis: 0 })
    expect(manifest.variants[0]?.files.map(({ path }) => path)).toEqual(['net.onnx', 'net.onnx_data'])
    hub.fault = (path) => (path.startsWith('/blobs/') ? 'alter' : 'pass')
    const { code, err } = await spillway('pull', source, '-o', await folderFor())
    expect(code).toBe(1)
    expect(err).toContain('net.onnx is not what its source says')
  })

  test.each<[string, string[], string]>([
    ['hf:owner/torch', [], 'no ONNX model in hf:owner/torch'],
    ['hf:owner/nothing', [], 'There is no repository owner/nothing'],
    ['hf:owner/gated', [], 'Accept its conditions at'],
    ['hf:owner/embedder@v9', [], 'no revision "v9"'],
    ['hf:owner/embedder', ['--variant', 'q4'], 'There is no variant "q4": expected quantized (q8), fp32'],
    ['hf:owner/garbage', [], 'spillway: '],
    ['digits', [], 'This is not a source of models'],
    ['hf:../../etc', [], 'This is no repository on the hub'],
  ])('%s %j ends with 1 and leaves no manifest', async (source, args, message) => {
    const folder = await folderFor()
    const { code, err } = await spillway('pull', source, ...args, '-o', folder)
    expect(code).toBe(1)
    expect(err).toContain(message)
    expect(existsSync(join(folder, 'manifest.json'))).toBe(false)
  })

  test.each([
    ['alter', 'is not what its source says'],
    ['html', 'got status 200, text/html'],
    ['missing', 'There is no onnx/model'],
  ] as const)('a store that answers with %s ends it with 1', async (fault, message) => {
    const folder = await folderFor()
    hub.fault = (path) => (path.startsWith('/blobs/') ? fault : 'pass')
    const { code, err } = await spillway('pull', 'hf:owner/embedder', '-o', folder)
    expect(code).toBe(1)
    expect(err).toContain(message)
    expect(existsSync(join(folder, 'onnx', 'model.onnx'))).toBe(false)
  })

  test('refuses a folder that holds another model', async () => {
    const folder = await folderFor()
    await spillwayJson<Pulled>('pull', 'hf:owner/embedder', '-o', folder)
    const { code, err } = await spillway('pull', 'hf:owner/decoder', '-o', folder)
    expect(code).toBe(1)
    expect(err).toContain('holds another model')
  })
})
