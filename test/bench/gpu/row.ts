/** The times of one model and batch size on the GPU and the CPU of the same machine. */
export interface Row {
  readonly where: 'Chromium' | 'Node'
  readonly model: string
  /** Rows of one run. */
  readonly rows: number
  /** Medians, in milliseconds. */
  readonly gpuMs: number
  readonly cpuMs: number
}

/** Batch sizes in rows, and runs of each. */
export const sizes = [1, 16, 256] as const
export const rounds = 15

export const models = ['fraud', 'mnist-mlp', 'magika'] as const

/** Models that a software adapter finishes within a minute. */
export const smallModels = ['fraud'] as const
