import { readdirSync, readFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { request } from 'node:http'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { brotliDecompressSync, gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { writeProductionFolder } from '../../server/deploy/production-folder.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { emptyFolder } from '../support/test-models.ts'

const site = fileURLToPath(new URL('../../dist/site/', import.meta.url))

let folder: string
let bytes: number
let server: TestServer
beforeAll(async () => {
  folder = await emptyFolder()
  bytes = await writeProductionFolder(folder)
  server = await startServer({}, folder)
})
afterAll(async () => {
  await server.stop()
  await rm(folder, { recursive: true })
})

/** The body as it was sent: `fetch` expands it. */
const get = (path: string, encodings?: string) =>
  new Promise<{ type: string | undefined; encoding: string | undefined; body: Buffer }>((resolve, reject) => {
    const headers = encodings === undefined ? {} : { 'accept-encoding': encodings }
    request(new URL(path, server.url), { headers }, async (response) => {
      const { 'content-type': type, 'content-encoding': encoding } = response.headers
      resolve({ type, encoding, body: await buffer(response) })
    })
      .once('error', reject)
      .end()
  })

describe('the production folder', () => {
  test('has less than 100 MB, and of ONNX Runtime what this platform needs', ({ annotate }) => {
    annotate(`${Math.round(bytes / 1e6)} MB`)
    expect(bytes).toBeLessThan(100e6)
    const libraries = join(folder, 'node_modules/onnxruntime-node/bin/napi-v6')
    expect(readdirSync(libraries)).toEqual([process.platform])
    expect(readdirSync(join(libraries, process.platform))).toEqual([process.arch])
    expect(readdirSync(join(folder, 'node_modules'))).not.toContain('onnxruntime-web')
  })

  test('answers runs, texts and large bodies', async () => {
    const run = async (rows: number) => {
      const image = {
        name: 'image',
        datatype: 'FP32',
        shape: [rows, 1, 28, 28],
        data: Array(rows * 784).fill(0.5),
      }
      const body = JSON.stringify({ inputs: [image] })
      const answer = await fetch(new URL('v2/models/digits/infer', server.url), { method: 'POST', body })
      return (await answer.json()).outputs[0].shape
    }
    expect(await run(1)).toEqual([1, 10])
    // The offload thread parses it.
    expect(await run(200)).toEqual([200, 10])
    const text = { model: 'bard', prompt: 'Once', max_tokens: 4 }
    const body = JSON.stringify(text)
    const answer = await fetch(new URL('v1/completions', server.url), { method: 'POST', body })
    expect((await answer.json()).usage.completion_tokens).toBe(4)
  })

  test('serves the site, with WebAssembly and scripts in the form that the client takes', async () => {
    expect((await fetch(server.url)).status).toBe(200)
    expect((await fetch(new URL('embed.js', server.url))).status).toBe(200)
    const names = readdirSync(join(site, 'assets')).filter((file) =>
      /(?:jspi.*\.wasm|^runtime-[^.]+\.js)$/.test(file),
    )
    expect(names.length).toBe(2)
    const forms = [
      ['gzip, deflate, br', 'br', brotliDecompressSync],
      ['gzip', 'gzip', gunzipSync],
      [undefined, undefined, (body: Buffer) => body],
    ] as const
    for (const name of names) {
      const original = readFileSync(join(site, 'assets', name))
      expect(readdirSync(join(folder, 'dist/site/assets'))).not.toContain(name)
      for (const [encodings, encoding, expand] of forms) {
        const answer = await get(`assets/${name}`, encodings)
        expect(answer.type).toBe(name.endsWith('.js') ? 'text/javascript; charset=utf-8' : 'application/wasm')
        expect(answer.encoding).toBe(encoding)
        expect(original.equals(expand(answer.body))).toBe(true)
      }
    }
  })
})
