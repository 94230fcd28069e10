import { afterEach, expect, test } from 'vitest'
import { systemClock } from '../../models/async/clock.ts'
import { SpillwayError, type Tensor } from '../../models/core/index.ts'
import { startWorkerLane } from '../../workers/host/lane-client/browser/start-worker-lane.ts'
import { requestGpuDevice } from '../../workers/lane/browser/gpu-device.ts'
import { gpuMemory } from '../../workers/lane/browser/gpu-kv-memory.ts'

/** The sum of so many copies of `x`, which are held in one buffer. */
const sumOfCopies = Uint8Array.from(
  atob(
    'CAg6jgEKKQoBeAoGY29waWVzEghleHBhbmRlZBoIZXhwYW5kZWQiBkV4cGFuZDoACiEKCGV4cGFuZGVkEgNzdW0aA3N1bSIJUmVkdWNlU3VtOgASBHRlc3RaDwoBeBIKCggIARIECgIIAVoUCgZjb3BpZXMSCgoICAcSBAoCCAFiEQoDc3VtEgoKCAgBEgQKAggBQgIQEUIRCg1jb20ubWljcm9zb2Z0EAFCDgoKYWkub25ueC5tbBAD',
  ),
  (character) => character.charCodeAt(0),
)

const lane = startWorkerLane('validation', systemClock)
afterEach(() => lane.kill(new SpillwayError('closed', 'The test has ended')))

test('a run that is larger than the GPU allows fails, and gives no wrong values', async () => {
  await lane.start({ threads: 1 })
  await lane.load({
    session: 'sum',
    backend: 'webgpu',
    source: { from: 'bytes', graph: new Uint8Array(sumOfCopies).buffer, external: [] },
    inputs: [
      { name: 'x', type: 'float32', shape: [1] },
      { name: 'copies', type: 'int64', shape: [1] },
    ],
    outputs: [{ name: 'sum', type: 'float32', shape: [1] }],
    batchAxis: null,
  })
  const sumOf = (copies: number) => {
    const x: Tensor = { type: 'float32', data: Float32Array.of(2), shape: [1] }
    const count: Tensor = { type: 'int64', data: BigInt64Array.of(BigInt(copies)), shape: [1] }
    return lane.run({ session: 'sum', inputs: { x, copies: count } })
  }
  expect((await sumOf(8)).outputs.sum?.data).toEqual(Float32Array.of(16))
  await expect(sumOf(2 ** 29)).rejects.toMatchObject({ code: 'run_failed' })
  expect((await sumOf(4)).outputs.sum?.data).toEqual(Float32Array.of(8))
})

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
