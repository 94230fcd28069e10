import type { LanguageModelV3StreamPart, SharedV3Warning } from '@ai-sdk/provider'
import type { WrittenCall } from '../../../workers/host/text/types.ts'
import type { GenerationStream, PlacedPiece } from '../../text/generate.ts'
import { finishReasonOf, metadataOf, toolCallOf, usageOf } from './result.ts'

type TextKind = 'text' | 'reasoning'

/** The parts of a stream of the AI SDK: the thought first, then the text and calls of tools. */
export async function* partsOf(
  stream: GenerationStream,
  pieces: AsyncIterable<PlacedPiece>,
  warnings: SharedV3Warning[],
): AsyncGenerator<LanguageModelV3StreamPart> {
  yield { type: 'stream-start', warnings }
  let open: TextKind | undefined
  try {
    for await (const { text, reasoning, toolCalls = [], placement } of pieces) {
      for (const call of toolCalls) {
        if (open) yield { type: `${open}-end`, id: open }
        open = undefined
        yield* callPartsOf(call)
      }
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
    const { usage, finish, toolCalls, placement } = await stream.result
    if (open) yield { type: `${open}-end`, id: open }
    const providerMetadata = metadataOf(placement)
    yield {
      type: 'finish',
      usage: usageOf(usage),
      finishReason: finishReasonOf({ finish, toolCalls }),
      providerMetadata,
    }
  } catch (error) {
    yield { type: 'error', error }
  }
}

function* callPartsOf(call: WrittenCall): Generator<LanguageModelV3StreamPart> {
  const part = toolCallOf(call)
  const { toolCallId: id, toolName, input } = part
  yield { type: 'tool-input-start', id, toolName }
  yield { type: 'tool-input-delta', id, delta: input }
  yield { type: 'tool-input-end', id }
  yield part
}
