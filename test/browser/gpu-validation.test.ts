import { afterEach, expect, test } from 'vitest'
import { systemClock } from '../../models/async/clock.ts'
import { SpillwayError } from '../../models/core/index.ts'
import { startWorkerLane } from '../../workers/host/lane-client/browser/start-worker-lane.ts'
import { requestGpuDevice } from '../../workers/lane/browser/gpu-device.ts'
import { gpuMemory } from '../../workers/lane/browser/gpu-kv-memory.ts'
import { failsBeyondGpu } from '../contract/run-beyond-gpu.ts'

const lane = startWorkerLane('validation', systemClock)
afterEach(() => lane.kill(new SpillwayError('closed', 'The test has ended')))

test('a run that is larger than the GPU allows fails, and gives no wrong values', () =>
  failsBeyondGpu(lane, 2 ** 29))

test('a command of the lane itself that the GPU refuses ends the lane', async () => {
  const reasons: string[] = []
  const device = await requestGpuDevice((reason) => reasons.push(reason))
  const memory = gpuMemory(device, () => expect.fail('no tensor is made'))
  memory.allocate(1_024)
  await device.queue.onSubmittedWorkDone()
  expect(reasons).toEqual([])
  memory.allocate(2 * device.limits.maxBufferSize)
  // The browser reports it with the work that follows.
  const reported = async () => {
    await device.queue.onSubmittedWorkDone()
    return reasons[0]
  }
  await expect.poll(reported).toContain('GPU device error: Buffer size')
  device.destroy()
})
