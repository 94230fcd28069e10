import { afterEach, expect, test } from 'vitest'
import { systemClock } from '../../models/async/clock.ts'
import { checkInputs, type Manifest } from '../../models/core/index.ts'
import { Calibrations } from '../../web/device/calibration/calibrations.ts'
import { DeviceTier } from '../../web/device/device-tier.ts'
import { Router } from '../../web/placement/router.ts'
import { SecondBackend } from '../../web/placement/second-backend.ts'
import { laneLimits } from '../../workers/host/lane-client/lane.ts'
import type { ProcessLane } from '../../workers/host/lane-client/node/start-process-lane.ts'
import { createManualClock } from '../support/manual-clock.ts'
import { pc } from '../support/page-with-gpu.ts'
import { digitsGraph, processLane } from '../support/process-lane.ts'
import { openRemoteTier } from '../support/remote-tier.ts'
import { startServer } from '../support/server.ts'
import { digitsManifest } from '../support/test-models.ts'

const model: Manifest = { ...digitsManifest, variants: digitsManifest.variants.slice(-1) }
const inputs = checkInputs(model, { image: new Float32Array(784) })

let close = () => {}
afterEach(() => close())

/** A page's router over processes, one for each backend. */
function openPage() {
  const clock = createManualClock()
  const lanes = new Map<string, ProcessLane>()
  const calibrations = new Calibrations({ read: async () => undefined, write: async () => {} }, () =>
    Promise.resolve('here'),
  )
  const device = new DeviceTier({
    store: { loadFiles: async () => [await digitsGraph()] },
    catalogue: {
      fileOf: (_manifest, file) => ({ ...file, key: { sha256: file.sha256 }, request: () => expect.fail() }),
      draftOf: async () => undefined,
    },
    calibrations,
    layouts: () => [{ lanes: 1, threads: 1 }],
    memoryBudget: 2 ** 30,
    canRun: async () => true,
    startLane: (name) => {
      const lane = processLane(clock, { ...laneLimits, hungMs: 10 * laneLimits.runMs })
      const [backend = ''] = name.split('-')
      lanes.set(backend, lane)
      // The processes of tests have no GPU.
      return { ...lane, load: (request, withinMs) => lane.load({ ...request, backend: 'cpu' }, withinMs) }
    },
    clock,
  })
  const router = new Router({
    capacity: async () => pc,
    device,
    remote: null,
    calibrations,
    clock,
    secondBackend: (parts) => new SecondBackend(parts),
  })
  close = () => device.close()
  return { clock, lanes, router }
}

test('a run without a deadline that exceeds the bound of runs is answered by the other backend', async () => {
  const { clock, lanes, router } = openPage()
  const first = await router.run(model, inputs, { policy: 'auto' })
  const slow = first.placement.backend
  process.kill(lanes.get(slow)?.pid ?? 0, 'SIGSTOP')
  const moved = router.run(model, inputs, { policy: 'auto' })
  await new Promise(setImmediate)
  clock.advance(laneLimits.runMs)
  const { placement } = await moved
  expect(placement.backend).not.toBe(slow)
})

test('a run without a deadline that exceeds the server’s own limit fails there only', async () => {
  const server = await startServer({ SPILLWAY_MAX_TIMEOUT_SECONDS: '1', SPILLWAY_HUNG_SECONDS: '600' })
  const remote = openRemoteTier(server.url, systemClock)
  close = () => remote.close()
  const ask = (deadlineMs?: number) =>
    remote.submit(
      digitsManifest,
      { inputs: inputs.tensors, rows: 1, askedAt: systemClock.now() },
      { deadlineMs },
    )
  await ask()
  const resume = server.freezeLanes()
  try {
    for (const deadlineMs of [undefined, 20_000])
      await expect(ask(deadlineMs)).rejects.toMatchObject({
        code: 'server_timeout',
        message: expect.stringContaining('SPILLWAY_MAX_TIMEOUT_SECONDS'),
      })
    await expect(ask(100)).rejects.toMatchObject({ code: 'deadline_exceeded' })
  } finally {
    resume()
    await server.stop()
  }
})

test('a run whose deadline passes is final', async () => {
  const { clock, lanes, router } = openPage()
  const { placement } = await router.run(model, inputs, { policy: 'auto' })
  process.kill(lanes.get(placement.backend)?.pid ?? 0, 'SIGSTOP')
  const late = router.run(model, inputs, { policy: 'auto', deadlineMs: laneLimits.runMs })
  await new Promise(setImmediate)
  clock.advance(laneLimits.runMs)
  await expect(late).rejects.toMatchObject({ code: 'deadline_exceeded' })
})
