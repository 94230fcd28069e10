import { delimiter } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { crashingFolder, endlessFolder, trappingFolder } from '../support/fatal-models.ts'
import { startServer, type TestServer } from '../support/server.ts'

let server: TestServer

beforeAll(async () => {
  const folders = await Promise.all([endlessFolder(), trappingFolder(), crashingFolder()])
  server = await startServer({
    SPILLWAY_MODELS: folders.join(delimiter),
    SPILLWAY_WARM_UP_SECONDS: '2',
  })
})
afterAll(() => server.stop())

const infer = async (model: string, inputs: readonly object[]) => {
  const response = await fetch(new URL(`v2/models/${model}/infer`, server.url), {
    method: 'POST',
    body: JSON.stringify({ inputs }),
    signal: AbortSignal.timeout(100_000),
  })
  const { outputs, error } = await response.json()
  return { status: response.status, error, outputs }
}
const ask = (model: string, x: number) =>
  infer(model, [{ name: 'x', datatype: 'FP32', shape: [1], data: [x] }])
const askCrashing = () =>
  infer('crashing', [{ name: 'x', datatype: 'INT64', shape: [1, 3], data: [0, 1, 2] }])
const deaths = () => server.log.filter(({ msg }) => msg === 'Lane died').length

describe('a server with models that are fatal to their lanes', () => {
  test('answers models whose runs on zeros never end or fail, and one that crashes the runtime at its highest optimization', async () => {
    expect(await ask('endless', 7)).toMatchObject({ status: 200, outputs: [{ data: [7] }] })
    expect(await ask('trapping', 4)).toMatchObject({ status: 200, outputs: [{ data: [3] }] })
    expect(await askCrashing()).toMatchObject({ status: 200, outputs: [{ shape: [3, 1, 16] }] })
    const words = server.log.map(({ session, msg }) => `${session}: ${msg}`).join('\n')
    expect(words).toMatch(/endless@1\S+: It is loaded without a warm-up from now on/)
    expect(words).toMatch(
      /crashing@1\S+: Another lane tries to load it with graphOptimizationLevel "extended"/,
    )
    expect(deaths()).toBe(2)
  })

  test('remembers what was fatal: new lanes load them at once', async () => {
    for (const pid of server.lanes()) process.kill(pid, 'SIGKILL')
    await expect.poll(deaths).toBe(3)
    expect(await ask('endless', 7)).toMatchObject({ status: 200 })
    expect(await ask('trapping', 4)).toMatchObject({ status: 200 })
    expect(await askCrashing()).toMatchObject({ status: 200 })
    expect(deaths()).toBe(3)
  })
})
