export const precisions = ['q8', 'q4', 'q4f16', 'fp16'] as const
export type Precision = (typeof precisions)[number]

/** The backend that a file is made for: files of the same precision differ between backends. */
export const targets = ['webgpu', 'wasm', 'cpu'] as const
export type TargetBackend = (typeof targets)[number]

export interface Target {
  readonly precision: Precision
  readonly backend: TargetBackend
  readonly asymmetric: boolean
  /** Weights of 7 bits, for processors without VNNI, whose byte products saturate. */
  readonly reduceRange: boolean
  /** Names of layers to leave as they are; `*` matches anything. */
  readonly keep: readonly string[]
  /** Names of layers that are stored smaller but compute with exact inputs; `*` matches anything. */
  readonly weightOnly: readonly string[]
}

export function isKept(name: string, patterns: readonly string[]): boolean {
  return patterns.some((pattern) => {
    const parts = pattern.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'))
    return new RegExp(`^${parts.join('.*')}$`).test(name)
  })
}
