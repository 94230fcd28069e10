/**
 * The model repository extension, as Triton defines it.
 * Source: https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_model_repository.md
 */
import * as z from 'zod/mini'

/** The extension's name in the server's metadata. */
export const repositoryExtension = 'model_repository'

/** The body of `POST /v2/repository/index`. */
export const repositoryIndexRequest = z.object({
  /** Whether only models that are ready are listed. */
  ready: z.optional(z.nullable(z.boolean())),
})

/** The body of a load or an unload. */
export const repositoryRequest = z.object({
  parameters: z.optional(
    z.nullable(z.record(z.string(), z.nullable(z.union([z.string(), z.number(), z.boolean()])))),
  ),
})

const repositoryModel = z.object({
  name: z.string(),
  version: z.string(),
  state: z.enum(['LOADING', 'READY', 'UNAVAILABLE']),
  /** Why the model is unavailable; empty where it is not. */
  reason: z.string(),
})

/** The answer to `POST /v2/repository/index`: an entry for each version of each model. */
export const repositoryIndex = z.array(repositoryModel)
export type RepositoryModel = z.infer<typeof repositoryModel>
