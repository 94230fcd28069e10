import type {
  LanguageModelV3FinishReason,
  LanguageModelV3Usage,
  SharedV3ProviderMetadata,
} from '@ai-sdk/provider'
import type { Placement } from '../../../models/core/index.ts'
import type { Usage } from '../../../workers/host/text/types.ts'
import type { FinishReason } from '../../../workers/protocol/generation.ts'

export const finishReasonOf = (finish: FinishReason): LanguageModelV3FinishReason => ({
  unified: finish,
  raw: finish,
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
