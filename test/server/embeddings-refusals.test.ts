import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { makeManifest, writeManifest } from '../../models/tools/manifest/write.ts'
import { sentenceTransformer } from '../support/sentence-transformer.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { emptyFolder } from '../support/test-models.ts'

const { repository } = sentenceTransformer({
  words: 300,
  width: 32,
  heads: 4,
  layers: 2,
  context: 128,
})

let server: TestServer
beforeAll(async () => {
  const folder = await emptyFolder()
  const root = join(folder, 'texts')
  for (const [path, content] of Object.entries(repository.files)) {
    await mkdir(dirname(join(root, path)), { recursive: true })
    await writeFile(join(root, path), content)
  }
  writeManifest(
    join(root, 'manifest.json'),
    await makeManifest(root, { about: { pipeline: 'sentence-similarity' } }),
  )
  server = await startServer({ SPILLWAY_MODELS: folder, SPILLWAY_MAX_ROWS: '3' })
})
afterAll(async () => {
  await server.stop()
})

const embed = (input: unknown) =>
  fetch(new URL('v1/embeddings', server.url), {
    method: 'POST',
    body: JSON.stringify({ model: 'texts', input }),
  })

test('a token that the model does not have is the caller’s fault, and costs no other request', async () => {
  const [bad, good] = await Promise.all([
    embed([
      [1, 2],
      [1, 10 ** 6],
    ]),
    embed([[1, 2]]),
  ])
  expect([bad.status, (await bad.json()).error.code]).toEqual([400, 'input_value_invalid'])
  expect(good.status).toBe(200)
  expect(server.log.filter(({ err }) => err !== undefined)).toEqual([])
})

test('a text of megabytes is refused before it is read as tokens', async () => {
  const response = await embed('a b '.repeat(750_000))
  expect([response.status, (await response.json()).error.code]).toEqual([400, 'context_exceeded'])
})

test('more texts than a request may have are refused, and as many as it may have are embedded', async () => {
  const response = await embed(['a', 'b', 'c', 'd'])
  expect([response.status, (await response.json()).error]).toEqual([
    413,
    expect.objectContaining({
      code: 'body_too_large',
      param: 'input',
      message: expect.stringContaining('at most 3, got 4'),
    }),
  ])
  expect((await embed(['a', 'b', 'c'])).status).toBe(200)
})
