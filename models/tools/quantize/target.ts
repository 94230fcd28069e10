export const precisions = ['q8', 'q4', 'q4f16', 'fp16'] as const
export type Precision = (typeof precisions)[number]

/** The backend that a file is made for: the same precision is another file on each. */
export const targets = ['webgpu', 'wasm', 'cpu'] as const
export type TargetBackend = (typeof targets)[number]

export interface Target {
  readonly precision: Precision
  readonly backend: TargetBackend
  readonly asymmetric: boolean
  /** For processors without VNNI, whose products of bytes saturate: weights of seven bits. */
  readonly reduceRange: boolean
  /** Layers to leave as they are, by name; `*` stands for anything. */
  readonly keep: readonly string[]
  /** Layers to make smaller without rounding what they compute with, by name. */
  readonly weightOnly: readonly string[]
}

export function isKept(name: string, patterns: readonly string[]): boolean {
  return patterns.some((pattern) => {
    const parts = pattern.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'))
    return new RegExp(`^${parts.join('.*')}$`).test(name)
  })
}
