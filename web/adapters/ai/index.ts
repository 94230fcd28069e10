/** A provider for the Vercel AI SDK: `streamText({ model: spillway('bard'), prompt: 'To be' })`, in the page. */
import {
  type EmbeddingModelV3,
  type ImageModelV3,
  type LanguageModelV3,
  NoSuchModelError,
  type ProviderV3,
} from '@ai-sdk/provider'
import { createRuntime, type Runtime, type RuntimeOptions } from '../../api/create-runtime.ts'
import { createEmbeddingModel } from './embedding-model.ts'
import { createLanguageModel } from './language-model.ts'

export type { SpillwayLanguageModelOptions } from './provider-options.ts'

/** The provider: called with a source, as `runtime.model()`, it gives a language model. */
export interface SpillwayProvider extends ProviderV3 {
  (source: string): LanguageModelV3
  languageModel(source: string): LanguageModelV3
  embeddingModel(source: string): EmbeddingModelV3
  imageModel(source: string): ImageModelV3
}

/**
 * A provider over a runtime of the page's own, or over one that it makes with the options when a model is first called.
 * Models are opened at their first call.
 */
export function createSpillway(given: Runtime | RuntimeOptions = {}): SpillwayProvider {
  let made: Promise<Runtime> | undefined
  const runtime = (): Promise<Runtime> => {
    made ??= 'model' in given ? Promise.resolve(given) : createRuntime(given)
    return made
  }
  const openerOf = (source: string) => async () => (await runtime()).model(source)
  const languageModel = (source: string) => createLanguageModel(source, openerOf(source))
  return Object.assign((source: string) => languageModel(source), {
    specificationVersion: 'v3' as const,
    languageModel,
    embeddingModel: (source: string) => createEmbeddingModel(source, openerOf(source)),
    imageModel: (modelId: string): never => {
      throw new NoSuchModelError({ modelId, modelType: 'imageModel' })
    },
  })
}

/** The provider with the defaults of `createRuntime`. */
export const spillway = createSpillway()
