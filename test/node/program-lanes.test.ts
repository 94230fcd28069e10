import { readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterEach, beforeEach, describe, expect, inject, onTestFinished, test } from 'vitest'
import type { Progress } from '../../web/api/index.ts'
import type { LaneOptions } from '../../web/node/index.ts'
import { startWithLanes } from '../../web/node/lanes/start-with-lanes.ts'
import { startFaultProxy } from '../support/fault-proxy.ts'
import { laneEntry } from '../support/process-lane.ts'
import { digitsFolder, emptyFolder } from '../support/test-models.ts'

const image = new Float32Array(784)

let cache: string
beforeEach(async () => {
  cache = await emptyFolder()
})
afterEach(() => rm(cache, { recursive: true }))

function start(options: Omit<LaneOptions, 'lanes'>) {
  const runtime = startWithLanes({ lanes: true, cache, ...options }, laneEntry)
  onTestFinished(() => runtime.dispose())
  return runtime
}

/** The processes that this one has started. */
const children = async () =>
  (await readFile(`/proc/self/task/${process.pid}/children`, 'utf8')).trim().split(' ').map(Number)

describe('a program with lanes', () => {
  test('runs a model that it has kept while the model cannot be reached', async () => {
    const proxy = await startFaultProxy(new URL(inject('serverUrl')))
    const models = new URL('models/', proxy.url)
    const first = start({ models })
    const reports: Progress[] = []
    await first.model('digits', { onProgress: (progress) => reports.push(progress) })
    expect(reports.at(-1)).toMatchObject({
      loadedBytes: 37_992,
      totalBytes: 37_992,
      storedBytes: 0,
      isKept: true,
    })
    expect((await first.catalogue()).models.map(({ id }) => id)).toContain('digits')
    await expect.poll(() => readdir(join(cache, 'manifests')).catch(() => [])).toHaveLength(1)
    first.dispose()
    await proxy.stop()
    const second = start({ models })
    expect((await second.advise('digits')).device).toMatchObject({ downloadBytes: 0, storedBytes: 37_992 })
    const { placement } = await (await second.model('digits')).run({ image })
    expect(placement).toMatchObject({ tier: 'device', backend: 'cpu' })
    await expect(second.model('bard')).rejects.toMatchObject({ code: 'server_unreachable' })
  })

  test('goes on with a text whose lane is killed', async () => {
    const runtime = start({ models: pathToFileURL(join(digitsFolder, '../')) })
    const bard = await runtime.model('bard')
    const request = { prompt: 'Once upon a time', maxTokens: 120, temperature: 0 }
    const { text: undisturbed } = await bard.generate(request).result
    const before = new Set(await children())
    let text = ''
    let isKilled = false
    for await (const piece of bard.generate(request)) {
      text += piece.text
      if (!isKilled) for (const pid of before) process.kill(pid, 'SIGKILL')
      isKilled = true
    }
    expect(text).toBe(undisturbed)
    expect((await children()).some((pid) => !before.has(pid))).toBe(true)
  })
})
