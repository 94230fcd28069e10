import type { EmbeddingModelV3 } from '@ai-sdk/provider'
import type { Model } from '../../api/model.ts'

/** An embedding model of the AI SDK. All texts of a call share runs, those of calls at the same time too. */
export const createEmbeddingModel = (modelId: string, open: () => Promise<Model>): EmbeddingModelV3 => ({
  specificationVersion: 'v3',
  provider: 'spillway',
  modelId,
  maxEmbeddingsPerCall: undefined,
  supportsParallelCalls: true,
  doEmbed: async ({ values, abortSignal }) => {
    const model = await open()
    const { embeddings, promptTokens } = await model.embed(values, abortSignal ? { signal: abortSignal } : {})
    return {
      embeddings: embeddings.map((vector) => [...vector]),
      usage: { tokens: promptTokens },
      warnings: [],
    }
  },
})
