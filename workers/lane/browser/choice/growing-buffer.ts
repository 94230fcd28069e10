/** A buffer on the GPU that is replaced by a larger one when more is asked for. */
export class GrowingBuffer {
  readonly #device: GPUDevice
  readonly #label: string
  /** Whether a larger buffer gets what the old one held. */
  readonly #keeps: boolean
  #buffer: GPUBuffer | undefined

  constructor(device: GPUDevice, label: string, keeps = false) {
    this.#device = device
    this.#label = label
    this.#keeps = keeps
  }

  /** The buffer with at least so many bytes. */
  of(bytes: number): GPUBuffer {
    const old = this.#buffer
    if (old && old.size >= bytes) return old
    const buffer = this.#device.createBuffer({
      label: this.#label,
      // A binding's size must be a multiple of sixteen bytes.
      size: Math.ceil(Math.max(bytes, 2 * (old?.size ?? 8)) / 16) * 16,
      usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST,
    })
    if (old && this.#keeps) {
      const encoder = this.#device.createCommandEncoder({ label: this.#label })
      encoder.copyBufferToBuffer(old, 0, buffer, 0, old.size)
      this.#device.queue.submit([encoder.finish()])
    }
    // What was submitted before still reads it.
    old?.destroy()
    this.#buffer = buffer
    return buffer
  }

  write(byte: number, data: ArrayBufferView): void {
    this.#device.queue.writeBuffer(this.of(byte + data.byteLength), byte, data)
  }

  destroy(): void {
    this.#buffer?.destroy()
    this.#buffer = undefined
  }
}
