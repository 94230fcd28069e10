import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { startTestApp, type TestApp } from '../support/test-app.ts'

const catalogue = fileURLToPath(new URL('../../models/catalogue', import.meta.url))
let folder: string
let app: TestApp | undefined
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'spillway-texts-'))
  await cp(join(catalogue, 'bard'), folder, { recursive: true })
})
afterEach(async () => {
  app?.close()
  await rm(folder, { recursive: true })
})

const complete = (running: TestApp) =>
  running.request('v1/completions', {
    method: 'POST',
    body: JSON.stringify({ model: 'bard', prompt: 'Once', max_tokens: 1 }),
  })
const ready = (running: TestApp) => running.request('v2/models/bard/ready')

test("a ready model's tokenizer has been read", async () => {
  app = await startTestApp({ models: [folder] })
  await rm(join(folder, 'tokenizer.json'))
  expect((await complete(app)).status).toBe(200)
})

test('a tokenizer that cannot be read keeps neither the model nor a repaired file from its work', async () => {
  const path = join(folder, 'tokenizer.json')
  await writeFile(path, '{}')
  app = await startTestApp({ models: [folder] })
  expect((await ready(app)).status).toBe(200)
  expect((await complete(app)).status).toBe(500)
  await cp(join(catalogue, 'bard', 'tokenizer.json'), path)
  expect((await complete(app)).status).toBe(200)
})
