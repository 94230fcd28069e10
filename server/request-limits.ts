/** What requests may ask for. Every limit can be set; see config.ts. */
export interface RequestLimits {
  readonly json: {
    /** Levels of lists and objects. */
    readonly depth: number
    /** Members of objects, and elements of lists other than tensors and prompts. */
    readonly entries: number
    /** Lists within nested tensors. */
    readonly lists: number
  }
  /** Milliseconds for an infer request that sets no timeout. */
  readonly timeoutMs: number
  /** The longest timeout, in milliseconds; texts have it. */
  readonly maxTimeoutMs: number
  /** Texts that one request may ask for: they are in memory together. */
  readonly maxChoices: number
}

export const requestLimits: RequestLimits = {
  json: { depth: 64, entries: 50_000, lists: 1_000_000 },
  timeoutMs: 30_000,
  maxTimeoutMs: 600_000,
  maxChoices: 128,
}
