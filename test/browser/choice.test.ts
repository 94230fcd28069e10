import { Tensor } from 'onnxruntime-common'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { floatsToHalves, halvesToFloats } from '../../models/core/half.ts'
import { SpillwayError } from '../../models/core/index.ts'
import { GpuChooser } from '../../workers/lane/browser/choice/gpu-chooser.ts'
import { requestGpuDevice } from '../../workers/lane/browser/gpu-device.ts'
import { createSampler } from '../../workers/lane/sampling/sampler.ts'
import { chooserContract, vocabulary } from '../contract/chooser.ts'
import { seeded } from '../support/seeded.ts'

describe('The chooser on the GPU', () => {
  const lost: string[] = []
  let device: GPUDevice
  beforeAll(async () => {
    device = await requestGpuDevice((reason) => lost.push(reason))
  })
  afterAll(async () => {
    await device.queue.onSubmittedWorkDone()
    expect(lost).toEqual([])
    device.destroy()
  })

  const open = (type: 'float32' | 'float16' = 'float32') =>
    GpuChooser.create({
      device,
      vocabulary,
      type,
      fromBuffer: (buffer, dataType, dims) => Tensor.fromGpuBuffer(buffer, { dataType, dims }),
      failure: async (cause) => SpillwayError.from(cause, 'run_failed', 'The choice failed'),
    })

  chooserContract({ open: () => open() })

  test.each(['float32', 'float16'] as const)(
    'chooses from %s that a run left on the device',
    async (type) => {
      const chooser = await open(type)
      const random = seeded(3)
      const rows = 5
      const halves = floatsToHalves(Float32Array.from({ length: rows * vocabulary }, () => 8 * random() - 4))
      const floats = halvesToFloats(halves)
      const { gpuBuffer } = chooser.device.logits(rows)
      device.queue.writeBuffer(gpuBuffer as GPUBuffer, 0, type === 'float32' ? floats : padded(halves))
      const sampling = { temperature: 1, topK: 50, topP: 0.9, seed: 5 }
      const valuesOf = (row: number) => floats.subarray(row * vocabulary, (row + 1) * vocabulary)
      const expected = [3, 0, 4].map((row) =>
        createSampler(sampling, [1], 0).next({ values: valuesOf(row) }, row + 1),
      )
      const chosen = await chooser.choose(
        [3, 0, 4].map((row) => ({
          choice: chooser.open(sampling, [1], 0),
          logits: { row },
          position: row + 1,
        })),
      )
      expect(chosen).toEqual(expected)
      expect([...(await chooser.keep({ row: 3 })).values]).toEqual([...valuesOf(3)])
      // For the next run: 64-bit integers by the row of the logits.
      const tokens = chooser.device.tokens(rows).gpuBuffer as GPUBuffer
      const copy = device.createBuffer({
        size: 8 * rows,
        usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
      })
      const encoder = device.createCommandEncoder()
      encoder.copyBufferToBuffer(tokens, 0, copy, 0, 8 * rows)
      device.queue.submit([encoder.finish()])
      await copy.mapAsync(GPUMapMode.READ)
      const next = new BigInt64Array(copy.getMappedRange())
      expect([next[3], next[0], next[4]]).toEqual(expected.map(({ token }) => BigInt(token)))
      chooser.close()
    },
  )

  test('fails to be made where the browser refuses the kernel', async () => {
    const refusing = new Proxy(device, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name)
        if (name === 'createShaderModule') return () => device.createShaderModule({ code: 'no kernel' })
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
    await expect(
      GpuChooser.create({
        device: refusing,
        vocabulary,
        type: 'float32',
        fromBuffer: () => expect.fail('no tensor is made'),
        failure: () => expect.fail('nothing is chosen'),
      }),
    ).rejects.toThrow()
  })
})

/** Writes to a buffer are whole words. */
function padded(halves: Uint16Array): Uint16Array<ArrayBuffer> {
  const even = new Uint16Array(halves.length + (halves.length % 2))
  even.set(halves)
  return even
}
