/** What the device can do, as far as a browser tells. */
export interface Capacity {
  readonly gpu: GpuCapacity | null
  readonly wasm: {
    readonly simd: boolean
    /** WebAssembly can wait for promises (JSPI): the smaller build of the runtime works. */
    readonly jspi: boolean
    /** Threads that one lane may use; one where the page is not cross-origin isolated. */
    readonly threads: number
  }
  /** Bytes that a model may take in a lane: an estimate, no browser tells the real figure. */
  readonly memoryBudget: number
  /** Bytes that the origin may keep, and that it keeps. */
  readonly storage: { readonly quota: number; readonly usage: number } | null
}

export interface GpuCapacity {
  readonly vendor: string
  readonly architecture: string
  /** Runs on the CPU: about a thousand times slower than WebAssembly for small models, so it counts as no GPU. */
  readonly software: boolean
  readonly features: readonly string[]
  /** Bytes of one buffer, and of one that a shader reads, at most. */
  readonly maxBufferSize: number
  readonly maxStorageBufferBindingSize: number
}
