import type { SpillwayError } from '../../../../models/core/index.ts'

/** Reads buffers of the GPU. What it copies through is used again. */
export class BufferReader {
  readonly #device: GPUDevice
  readonly #failure: (cause: unknown) => Promise<SpillwayError>
  readonly #free: GPUBuffer[] = []
  readonly #mapping = new Set<GPUBuffer>()

  constructor(device: GPUDevice, failure: (cause: unknown) => Promise<SpillwayError>) {
    this.#device = device
    this.#failure = failure
  }

  /**
   * Copies a part of a buffer after the encoder's commands, and submits them.
   * @param byte A multiple of four, as `bytes`.
   * @throws SpillwayError As `failure` makes it, where the device is lost before the bytes are here.
   */
  async submitAndRead(
    encoder: GPUCommandEncoder,
    from: GPUBuffer,
    byte: number,
    bytes: number,
  ): Promise<ArrayBuffer> {
    const copy = this.#take(bytes)
    encoder.copyBufferToBuffer(from, byte, copy, 0, bytes)
    this.#device.queue.submit([encoder.finish()])
    this.#mapping.add(copy)
    try {
      await copy.mapAsync(GPUMapMode.READ, 0, bytes)
      const data = copy.getMappedRange(0, bytes).slice(0)
      copy.unmap()
      this.#free.push(copy)
      return data
    } catch (cause) {
      throw await this.#failure(cause)
    } finally {
      this.#mapping.delete(copy)
    }
  }

  #take(bytes: number): GPUBuffer {
    const at = this.#free.findIndex(({ size }) => size >= bytes)
    const [found] = at < 0 ? [] : this.#free.splice(at, 1)
    return (
      found ??
      this.#device.createBuffer({
        label: 'result of a choice',
        size: Math.ceil(bytes / 256) * 256,
        usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
      })
    )
  }

  /** What is being read fails. */
  destroy(): void {
    for (const buffer of [...this.#free.splice(0), ...this.#mapping]) buffer.destroy()
  }
}
