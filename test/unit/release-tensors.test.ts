import { Tensor } from 'onnxruntime-common'
import { expect, test, vi } from 'vitest'
import { releaseTensors } from '../../workers/lane/node/release-tensors.ts'

test('tensors give their memory back at once: two of one memory, and those on a GPU by their own way', () => {
  const memory = new ArrayBuffer(16)
  const dispose = vi.fn()
  const onGpu = Tensor.fromGpuBuffer({} as never, { dataType: 'float32', dims: [4], dispose })
  const views = [new Float32Array(memory, 0, 2), new Float32Array(memory, 8)]
  releaseTensors([...views.map((data) => new Tensor('float32', data, [2])), onGpu])
  expect(memory.byteLength).toBe(0)
  expect(dispose).toHaveBeenCalledOnce()
})
