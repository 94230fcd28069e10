import { readFileSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { readCatalogue } from '../../server/inference/catalogue.ts'
import { modelFileRoutes } from '../../server/routes/model-files.ts'
import { keyHeaders, urlsOf } from '../../server/upstream/config.ts'
import { digitsManifest } from '../support/test-models.ts'

const guide = readFileSync(new URL('../../server/UPSTREAMS.md', import.meta.url), 'utf8')

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'upstream-config-'))
  vi.stubEnv('ENGINE_KEY', 'secret-of-the-engine')
})
afterEach(async () => {
  vi.unstubAllEnvs()
  await rm(folder, { recursive: true })
})

const upstream = { protocol: 'oip', urls: ['http://10.0.0.5:8000'] }

/** A folder of a model with an upstream. */
async function addModel(id: string, file: unknown, manifest: object = {}): Promise<void> {
  await mkdir(join(folder, id))
  await writeFile(join(folder, id, 'manifest.json'), JSON.stringify({ ...digitsManifest, id, ...manifest }))
  if (file === undefined) return
  await writeFile(join(folder, id, 'upstream.json'), typeof file === 'string' ? file : JSON.stringify(file))
}

/** The block of code with these words in the guide. */
function documented(words: string): string {
  const [, block] =
    [...guide.matchAll(/^```json\n([\s\S]*?)^```/gm)].find(([text]) => text.includes(words)) ??
    expect.fail(`no block has ${words}`)
  return block ?? ''
}

describe('the files of UPSTREAMS.md', () => {
  test('are read as they stand', async () => {
    vi.stubEnv('TRITON_KEY', 'secret-of-the-engine')
    await addModel('digits', documented('"TRITON_KEY"'))
    await addModel('assistant', documented('"Qwen/Qwen3-32B"'))
    await writeFile(join(folder, 'assistant', 'manifest.json'), documented('"id": "assistant"'))
    const catalogue = await readCatalogue([folder])
    expect(catalogue.get('digits')?.upstream).toMatchObject({ protocol: 'oip', maxConcurrent: 128 })
    expect(catalogue.get('assistant')?.upstream).toMatchObject({
      protocol: 'openai',
      model: 'Qwen/Qwen3-32B',
    })
  })
})

describe('an upstream', () => {
  test.each([
    ['with variants', digitsManifest.variants],
    ['without', []],
  ])('is read beside a manifest %s', async (_case, variants) => {
    await addModel('digits', { ...upstream, model: 'digits_onnx', key: 'ENGINE_KEY' }, { variants })
    const entry = (await readCatalogue([folder])).get('digits')
    expect(entry?.manifest.variants).toEqual(variants)
    expect(entry?.upstream).toMatchObject({ protocol: 'oip', model: 'digits_onnx' })
    if (entry?.upstream)
      expect(keyHeaders(entry.upstream)).toEqual({ authorization: 'Bearer secret-of-the-engine' })
  })

  test('has addresses that paths are resolved against', async () => {
    await addModel('digits', { ...upstream, urls: ['https://engines.example/a/b', 'http://10.0.0.5:8000/'] })
    const entry = (await readCatalogue([folder])).get('digits')
    expect(entry?.upstream && urlsOf(entry.upstream).map((url) => new URL('v2', url).href)).toEqual([
      'https://engines.example/a/b/v2',
      'http://10.0.0.5:8000/v2',
    ])
  })

  test('is published nowhere', async () => {
    await addModel('digits', { ...upstream, key: 'ENGINE_KEY' }, { variants: [] })
    const routes = modelFileRoutes(await readCatalogue([folder])).onError((_cause, c) => c.body(null, 404))
    for (const path of ['/catalogue.json', '/digits/manifest.json']) {
      const response = await routes.request(path)
      expect(response.status).toBe(200)
      expect(await response.text()).not.toMatch(/10\.0\.0\.5|ENGINE_KEY|secret|upstream/)
    }
    expect((await routes.request('/digits/upstream.json')).status).toBe(404)
  })

  const text = {
    task: 'text-generation',
    generation: { context: 8, vocabulary: 8, stopTokens: [0], kv: { layers: 1, heads: 1, headDim: 1 } },
  }
  test.each([
    ['no JSON', '{', {}, /is not JSON/],
    ['another protocol', { ...upstream, protocol: 'grpc' }, {}, /not valid at protocol/],
    ['no address', { ...upstream, urls: [] }, {}, /not valid at urls/],
    ['an address of another scheme', { ...upstream, urls: ['ftp://engine'] }, {}, /an http or https address/],
    [
      'a password in an address',
      { ...upstream, urls: ['http://user:pass@engine'] },
      {},
      /without a user, a password/,
    ],
    ['an address twice', { ...upstream, urls: ['http://engine', 'http://engine/'] }, {}, /that differ/],
    ['a key in place of its name', { ...upstream, key: 'sk-12345' }, {}, /not valid at key/],
    [
      'a variable that is not set',
      { ...upstream, key: 'NO_SUCH_KEY' },
      {},
      /environment variable NO_SUCH_KEY, got none/,
    ],
    [
      'a variable of the server itself',
      { ...upstream, key: 'SPILLWAY_KEY' },
      {},
      /does not begin with SPILLWAY_/,
    ],
    ['a misspelled field', { ...upstream, adress: 'http://engine' }, {}, /no other fields/],
    [
      'texts over the protocol of tensors',
      upstream,
      text,
      /expected openai for the task text-generation, got oip/,
    ],
    ['tensors over the API of texts', { ...upstream, protocol: 'openai' }, {}, /expected oip for the task/],
    ['neither variants nor an upstream', undefined, { variants: [] }, /digits cannot be run/],
  ])('is refused for %s', async (_case, file, manifest, message) => {
    await addModel('digits', file, manifest)
    const { faults, size } = await readCatalogue([folder])
    expect(size).toBe(0)
    expect(faults.map(({ error }) => error)).toMatchObject([
      { code: 'manifest_invalid', message: expect.stringMatching(message) },
    ])
  })

  test('is refused with all other faults, and keeps no other model from being offered', async () => {
    await addModel('one', { ...upstream, urls: [] })
    await addModel('two', { ...upstream, key: 'NO_SUCH_KEY' })
    await addModel('three', upstream)
    const catalogue = await readCatalogue([folder])
    expect([...catalogue.keys()]).toEqual(['three'])
    expect(catalogue.faults.map(({ name }) => name)).toEqual(['one', 'two'])
    // Together with a folder that cannot be read, at which the server does not start.
    await expect(readCatalogue([folder, '/nowhere'])).rejects.toThrow(/3 faults:.*nowhere.*one.*NO_SUCH_KEY/s)
  })
})
