import type { Block, OrtTensor, TensorMemory } from '../runtime/ort.ts'

class GpuBlock implements Block {
  readonly buffer: GPUBuffer

  constructor(device: GPUDevice, bytes: number) {
    this.buffer = device.createBuffer({
      label: 'keys or values',
      // A binding's size must be a multiple of sixteen bytes, which is also the most that a kernel reads at once.
      size: Math.ceil(Math.max(bytes, 16) / 16) * 16,
      usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST,
    })
  }

  get bytes(): number {
    return this.buffer.size
  }

  free(): void {
    this.buffer.destroy()
  }
}

/** The GPU's memory. Runs write keys and values there, and they never leave it. */
export const gpuMemory = (
  device: GPUDevice,
  fromBuffer: (buffer: GPUBuffer, type: 'float32' | 'float16', shape: readonly number[]) => OrtTensor,
): TensorMemory => ({
  hasOffsets: false,
  writesOutputs: false,
  allocate: (bytes) => new GpuBlock(device, bytes),
  tensor: (block, _byte, type, shape) => fromBuffer(own(block).buffer, type, shape),
  copy: (moves) => {
    const encoder = device.createCommandEncoder({ label: 'keys and values' })
    for (const { from, fromByte, to, toByte, bytes } of moves)
      encoder.copyBufferToBuffer(own(from).buffer, fromByte, own(to).buffer, toByte, bytes)
    device.queue.submit([encoder.finish()])
  },
})

function own(block: Block): GpuBlock {
  if (block instanceof GpuBlock) return block
  throw new TypeError('The block is of another memory')
}
