import type { LanguageModelV3, LanguageModelV3CallOptions, SharedV3Warning } from '@ai-sdk/provider'
import { SpillwayError } from '../../../models/core/index.ts'
import type { TextFormat } from '../../../models/core/text-format.ts'
import type { Prompt } from '../../../workers/host/text/types.ts'
import type { Model } from '../../api/model.ts'
import type { GenerationStream, PlacedPiece } from '../../text/generate.ts'
import type { GenerateRequest } from '../../text/tools.ts'
import { providerOptionsOf } from './provider-options.ts'
import { finishReasonOf, metadataOf, toolCallOf, usageOf } from './result.ts'
import { partsOf } from './stream-parts.ts'
import { toMessages } from './to-prompt.ts'
import { toTools } from './to-tools.ts'

/** A language model of the AI SDK, whose texts are written where the runtime places them. */
export function createLanguageModel(
  modelId: string,
  open: () => Promise<Pick<Model, 'generate'>>,
): LanguageModelV3 {
  return {
    specificationVersion: 'v3',
    provider: 'spillway',
    modelId,
    supportedUrls: {},
    doGenerate: async (options) => {
      const { stream, warnings } = await start(await open(), options)
      const { text, reasoning = '', toolCalls, usage, finish, placement } = await stream.result
      return {
        content: [
          ...(reasoning === '' ? [] : [{ type: 'reasoning', text: reasoning } as const]),
          ...(text === '' ? [] : [{ type: 'text', text } as const]),
          ...(toolCalls ?? []).map(toolCallOf),
        ],
        finishReason: finishReasonOf({ finish, toolCalls }),
        usage: usageOf(usage),
        providerMetadata: metadataOf(placement),
        warnings,
      }
    },
    doStream: async (options) => {
      const { stream, pieces, warnings } = await start(await open(), options)
      return { stream: streamOf(partsOf(stream, pieces, warnings)) }
    },
  }
}

interface StartedText {
  readonly stream: GenerationStream
  readonly pieces: AsyncIterable<PlacedPiece>
  readonly warnings: SharedV3Warning[]
}

/**
 * Starts a text. A model without a chat template continues texts only: a prompt of one message is then the text.
 *
 * @throws SpillwayError As `model.generate()` where its first piece fails.
 */
async function start(
  model: Pick<Model, 'generate'>,
  options: LanguageModelV3CallOptions,
): Promise<StartedText> {
  const messages = toMessages(options.prompt)
  const { tools, toolChoice, warnings: toolWarnings } = toTools(options)
  const warnings = [...toolWarnings, ...warningsOf(options)]
  const sampling = { ...providerOptionsOf(options), ...samplingOf(options) }
  const [first, ...others] = messages
  const begin = (prompt: Prompt & Pick<GenerateRequest, 'tools' | 'toolChoice'>) =>
    started(model.generate({ ...sampling, ...prompt }, signalOf(options)), warnings)
  try {
    return await begin({ messages, ...(tools && { tools, toolChoice }) })
  } catch (cause) {
    const isWithoutTemplate = cause instanceof SpillwayError && cause.detail.param === 'messages'
    if (!isWithoutTemplate || others.length > 0 || first?.role !== 'user') throw cause
    if (tools) warnings.push({ type: 'unsupported', feature: 'tools' })
    return begin({ prompt: first.content })
  }
}

const signalOf = ({ abortSignal }: LanguageModelV3CallOptions) => (abortSignal ? { signal: abortSignal } : {})

/** Resolves once the first piece is here, so that a text that cannot be written rejects the call, not its stream. */
async function started(stream: GenerationStream, warnings: SharedV3Warning[]): Promise<StartedText> {
  const iterator = stream[Symbol.asyncIterator]()
  const first = await iterator.next()
  async function* pieces(): AsyncGenerator<PlacedPiece> {
    try {
      for (let next = first; !next.done; next = await iterator.next()) yield next.value
    } finally {
      await iterator.return?.()
    }
  }
  return { stream, pieces: pieces(), warnings }
}

/** Not every browser has `ReadableStream.from`. A reader that cancels ends the text. */
const streamOf = <T>(parts: AsyncGenerator<T>): ReadableStream<T> =>
  new ReadableStream({
    pull: async (controller) => {
      const next = await parts.next()
      if (next.done) controller.close()
      else controller.enqueue(next.value)
    },
    cancel: async () => {
      await parts.return(undefined)
    },
  })

const samplingOf = (options: LanguageModelV3CallOptions) => ({
  maxTokens: options.maxOutputTokens,
  temperature: options.temperature,
  topK: options.topK,
  topP: options.topP,
  presencePenalty: options.presencePenalty,
  frequencyPenalty: options.frequencyPenalty,
  seed: options.seed,
  format: formatOf(options.responseFormat),
  // The SDK passes an empty list for none.
  stop: options.stopSequences?.length ? options.stopSequences : undefined,
})

function formatOf(format: LanguageModelV3CallOptions['responseFormat']): TextFormat | undefined {
  if (format?.type !== 'json') return undefined
  return format.schema ? { type: 'json_schema', schema: { ...format.schema } } : { type: 'json_object' }
}

/** What the SDK documents as "unsupported" warnings: the text is written without it. */
function warningsOf({ headers }: LanguageModelV3CallOptions): SharedV3Warning[] {
  const warnings: SharedV3Warning[] = []
  if (headers && Object.keys(headers).some((name) => name.toLowerCase() !== 'user-agent'))
    warnings.push({ type: 'unsupported', feature: 'headers', details: 'The runtime has headers of its own.' })
  return warnings
}
