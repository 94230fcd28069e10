import { describe, expect, test } from 'vitest'
import { systemClock } from '../../models/async/clock.ts'
import { deviceEnv } from '../../server/inference/gpu/devices.ts'
import { isDeviceLoss } from '../../workers/host/lane-client/lane.ts'
import { deviceLoss } from '../../workers/lane/node/device-loss.ts'
import { losableGpus } from '../support/lost-device.ts'
import { processLane } from '../support/process-lane.ts'
import { encode, modelProto, value } from '../tools/support/build.ts'

const sum = encode(
  modelProto({
    nodes: [{ op: 'Add', inputs: ['x', 'x'], outputs: ['y'] }],
    inputs: [value('x', [2])],
    outputs: [value('y', [2])],
  }),
)

const built = losableGpus(2)
const absent = typeof built === 'string' ? built : undefined

describe.skipIf(absent)(`A lane whose GPU is lost${absent === undefined ? '' : `: ${absent}`}`, () => {
  if (typeof built === 'string') return
  const [gpu, other] = built.gpus
  if (!gpu || !other) throw new Error('There are two')

  test('ends with its reason, at a run and at a load; one on another GPU works, and so does a new one', async () => {
    const start = async (name = gpu.name) => {
      const env = { ...built.env, ...deviceEnv('webgpu', name) }
      const lane = processLane(systemClock, undefined, env)
      await lane.start({ threads: 1 })
      return {
        lane,
        load: () =>
          lane.load({
            session: 'sum',
            backend: 'webgpu',
            source: { from: 'bytes', graph: new Uint8Array(sum).buffer, external: [] },
            inputs: [{ name: 'x', type: 'float32', shape: [2] }],
            outputs: [{ name: 'y', type: 'float32', shape: [2] }],
            batchAxis: null,
          }),
        run: () =>
          lane.run({
            session: 'sum',
            inputs: { x: { type: 'float32', data: Float32Array.of(1, 2), shape: [2] } },
          }),
      }
    }
    const first = await start()
    await first.load()
    await first.run()
    gpu.lose()
    await expect(first.run()).rejects.toMatchObject({ code: 'lane_lost' })
    const reason = await first.lane.lost
    expect(reason.message).toMatch(/^The lane ended: GPU device lost: .*lost/i)
    expect(isDeviceLoss(reason)).toBe(true)

    const second = await start()
    const attempt = second.load().then(() => second.run())
    await expect(attempt).rejects.toMatchObject({ code: 'lane_lost' })
    expect(isDeviceLoss(await second.lane.lost)).toBe(true)

    const beside = await start(other.name)
    await beside.load()
    expect((await beside.run()).outputs.y?.data).toEqual(Float32Array.of(2, 4))
    beside.lane.kill(reason)

    gpu.repair()
    const third = await start()
    await third.load()
    expect((await third.run()).outputs.y?.data).toEqual(Float32Array.of(2, 4))
    third.lane.kill(reason)
  })
})

describe('The loss of a GPU', () => {
  test.each([
    [
      'Failed to download data from buffer. wgpu::MapAsyncStatus value: 4, message: [Device] is lost.\n',
      true,
    ],
    ['VK_ERROR_DEVICE_LOST at CheckVkSuccessImpl', true],
    ['CUDA failure 719: unspecified launch failure ; GPU=0 ; hostname=a ; file=b.cc ; line=1', true],
    ['CUDA failure 700: an illegal memory access was encountered ; GPU=1', true],
    ['CUDA failure 2: out of memory ; GPU=0 ; hostname=a', false],
    ['CUDA failure 98: invalid device function', false],
    ['WebGPU validation failed. Buffer size (4294967296) exceeds the max buffer size limit', false],
    ['Non-zero status code returned while running Reshape node.', false],
  ])('is told by the words of the runtime: %s', (message, isLoss) => {
    expect(deviceLoss(new Error(`/src/buffer_manager.cc:641 Download() ${message}`)) !== undefined).toBe(
      isLoss,
    )
  })
})
