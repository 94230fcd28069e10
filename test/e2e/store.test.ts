import '../../web/embed/window-global.ts'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { chunkBytes } from '../../web/store/storage/model-store.ts'
import { bigModel } from '../support/big-model.ts'
import type { FileServer } from '../support/file-server.ts'
import { load, serve, side, withRuntime } from '../support/kept-model.ts'
import { openPage } from '../support/page.ts'
import { seeded } from '../support/seeded.ts'
import { useSite, useVisit } from '../support/site.ts'

const site = useSite()
const visit = useVisit(site)
let files: FileServer
const bytes = bigModel(side)
const size = bytes.length

beforeEach(async () => {
  files = await serve('big', bytes)
})
afterEach(() => files.stop())

const open = async () => (await openPage(visit.context, visit.hostUrl)).page

test('a download that is cut eight times, with a reload of the page each time, completes and verifies, and is listed, counted and removed', async () => {
  const page = await open()
  const cuts = 8
  const random = seeded(3)
  for (let cut = 0; cut < cuts; cut++) {
    // Few of them complete a chunk: what is stored is never the whole file.
    const made = files.cutAfter(1_000_000 + random() * 17_000_000)
    // The reload ends this call without an answer.
    const loading = load(page, files).catch(() => undefined)
    await made
    await page.reload()
    await loading
  }
  expect(await load(page, files)).toMatchObject({ tier: 'device', loadedBytes: withRuntime(size) })
  expect(files.sent).toBeLessThanOrEqual(size + cuts * chunkBytes)
  await page.reload()
  const sent = files.sent
  expect(await load(page, files)).toMatchObject({ tier: 'device', storedBytes: size })
  expect(files.sent).toBe(sent)

  const seen = await page.evaluate(async () => {
    const { storage } = window.spillway
    const before = await storage.usage()
    const freed = await storage.remove('big')
    const after = await storage.usage()
    return {
      before: before.models,
      used: before.used,
      freed,
      after: after.models,
      list: await storage.list(),
    }
  })
  expect(seen).toMatchObject({ before: size, freed: size, after: 0, list: [] })
  expect(seen.used).toBeGreaterThan(0)
}, 300_000)

describe('two tabs', () => {
  test('that load a model at the same time download it once, and both see its progress', async () => {
    const [one, other] = [await open(), await open()]
    const held = files.holdAfter(1_000_000)
    const loading = Promise.all([load(one, files), load(other, files)])
    const resume = await held
    for (const page of [one, other])
      await page.waitForFunction(() => window.progress?.length, undefined, { polling: 50 })
    resume()
    const finish = await files.holdAfter(chunkBytes)
    for (const page of [one, other])
      await page.waitForFunction(
        () => window.progress?.some(({ loadedBytes }) => loadedBytes > 0),
        undefined,
        { polling: 50 },
      )
    finish()
    const both = await loading
    expect(both).toMatchObject([
      { tier: 'device', loadedBytes: withRuntime(size) },
      { tier: 'device', loadedBytes: withRuntime(size) },
    ])
    expect(files.sent).toBe(size)
  })

  test('share a download, which the other continues when one is closed', async () => {
    const [one, other] = [await open(), await open()]
    const held = files.holdAfter(chunkBytes + 1_000_000)
    const first = load(one, files).catch(() => undefined)
    const second = load(other, files)
    const release = await held
    await one.close()
    release()
    await first
    expect(await second).toMatchObject({ tier: 'device', loadedBytes: withRuntime(size) })
    expect(files.sent).toBeLessThanOrEqual(size + chunkBytes)
  })
})
