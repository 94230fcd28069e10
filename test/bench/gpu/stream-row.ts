import type { Streams } from './time-streams.ts'

/** Tokens a second of so many texts at once with one variant. What was not measured is undefined. */
export interface StreamRow {
  readonly variant: string
  readonly streams: number
  /** By the public API in Chromium. */
  readonly ours: number
  /** The same while every text is being written, without the prompts. */
  readonly oursSteady: number | undefined
  /** A loop over onnxruntime-web alone in the same Chromium, without prompts. */
  readonly bare: number | undefined
  readonly transformers: number | undefined
  readonly webLlm: number | undefined
  /** By our server's lane: onnxruntime-node's WebGPU. */
  readonly node: number | undefined
}

/** What was measured of one variant, by side. */
export interface Sides {
  readonly ours: readonly Streams[]
  readonly bare: readonly Streams[]
  readonly transformers: readonly Streams[]
  readonly webLlm: readonly Streams[]
  readonly node: readonly Streams[]
}

/** The rows of one variant: one for each number of texts that ours wrote at once. */
export const rowsOf = (variant: string, { ours, ...others }: Sides): StreamRow[] =>
  ours.map(({ streams, tokensPerSecond, steadyPerSecond }) => {
    const rateOf = (side: readonly Streams[]) => side.find((one) => one.streams === streams)?.tokensPerSecond
    return {
      variant,
      streams,
      ours: tokensPerSecond,
      oursSteady: steadyPerSecond,
      bare: rateOf(others.bare),
      transformers: rateOf(others.transformers),
      webLlm: rateOf(others.webLlm),
      node: rateOf(others.node),
    }
  })
