import type { LanguageModelV3StreamPart, SharedV3Warning } from '@ai-sdk/provider'
import type { GenerationStream, PlacedPiece } from '../../text/generate.ts'
import { finishReasonOf, metadataOf, usageOf } from './result.ts'

type TextKind = 'text' | 'reasoning'

/** The parts of a stream of the AI SDK: the thought first, then the text. */
export async function* partsOf(
  stream: GenerationStream,
  pieces: AsyncIterable<PlacedPiece>,
  warnings: SharedV3Warning[],
): AsyncGenerator<LanguageModelV3StreamPart> {
  yield { type: 'stream-start', warnings }
  let open: TextKind | undefined
  try {
    for await (const { text, reasoning, placement } of pieces) {
      const kind = reasoning === undefined ? 'text' : 'reasoning'
      const delta = reasoning ?? text
      if (delta === '') continue
      if (open !== kind) {
        if (open) yield { type: `${open}-end`, id: open }
        yield { type: `${kind}-start`, id: kind }
        open = kind
      }
      yield { type: `${kind}-delta`, id: kind, delta, providerMetadata: metadataOf(placement) }
    }
    const { usage, finish, placement } = await stream.result
    if (open) yield { type: `${open}-end`, id: open }
    const providerMetadata = metadataOf(placement)
    yield { type: 'finish', usage: usageOf(usage), finishReason: finishReasonOf(finish), providerMetadata }
  } catch (error) {
    yield { type: 'error', error }
  }
}
