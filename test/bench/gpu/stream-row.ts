import type { Streams } from './time-streams.ts'

/** Tokens a second of so many texts at once with one variant. What was not measured is undefined. */
export interface StreamRow {
  readonly variant: string
  readonly streams: number
  /** By the public API in Chromium. */
  readonly ours: number | undefined
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

/** The rows of one variant: one for each number of texts that a side wrote at once. */
export function rowsOf(variant: string, { ours, bare, transformers, webLlm, node }: Sides): StreamRow[] {
  const counts = [ours, bare, transformers, webLlm, node].flat().map(({ streams }) => streams)
  return [...new Set(counts)]
    .sort((one, other) => one - other)
    .map((streams) => {
      const at = (side: readonly Streams[]) => side.find((one) => one.streams === streams)
      return {
        variant,
        streams,
        ours: at(ours)?.tokensPerSecond,
        oursSteady: at(ours)?.steadyPerSecond,
        bare: at(bare)?.tokensPerSecond,
        transformers: at(transformers)?.tokensPerSecond,
        webLlm: at(webLlm)?.tokensPerSecond,
        node: at(node)?.tokensPerSecond,
      }
    })
}
