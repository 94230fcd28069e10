import type {
  LanguageModelV3FinishReason,
  LanguageModelV3ToolCall,
  LanguageModelV3Usage,
  SharedV3ProviderMetadata,
} from '@ai-sdk/provider'
import type { Placement } from '../../../models/core/index.ts'
import type { GenerateResult, Usage, WrittenCall } from '../../../workers/host/text/types.ts'

export const finishReasonOf = ({
  finish,
  toolCalls,
}: Pick<GenerateResult, 'finish' | 'toolCalls'>): LanguageModelV3FinishReason => ({
  unified: finish === 'stop' && toolCalls ? 'tool-calls' : finish,
  raw: finish,
})

export const toolCallOf = ({
  id,
  function: { name, arguments: input },
}: WrittenCall): LanguageModelV3ToolCall => ({
  type: 'tool-call',
  toolCallId: id,
  toolName: name,
  input,
})

export const usageOf = ({
  promptTokens,
  generatedTokens,
  cachedTokens,
  reasoningTokens,
}: Usage): LanguageModelV3Usage => ({
  inputTokens: {
    total: promptTokens,
    noCache: promptTokens - cachedTokens,
    cacheRead: cachedTokens,
    cacheWrite: undefined,
  },
  outputTokens: {
    total: generatedTokens,
    text: generatedTokens - reasoningTokens,
    reasoning: reasoningTokens,
  },
})

/** Where a text was written: the SDK's `providerMetadata.spillway`. */
export const metadataOf = ({
  tier,
  backend,
  variant,
  reason,
  explanation,
}: Placement): SharedV3ProviderMetadata => ({
  spillway: { tier, backend, variant, reason, explanation },
})
