/** One model at one size on the GPU and on the CPU of the same machine. */
export interface Row {
  readonly where: 'Chromium' | 'Node'
  readonly model: string
  /** Rows of one run. */
  readonly rows: number
  /** Milliseconds, medians. */
  readonly gpuMs: number
  readonly cpuMs: number
}

/** Rows of one run, and how often each is run. */
export const sizes = [1, 16, 256] as const
export const rounds = 15

export const models = ['fraud', 'mnist-mlp', 'magika'] as const

/** What a GPU of software has done within a minute. */
export const smallModels = ['fraud'] as const
