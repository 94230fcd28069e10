import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../../models/async/clock.ts'
import { SpillwayError, textFiles } from '../../models/core/index.ts'
import type { WaitOptions } from '../../workers/host/scheduler/work.ts'
import { type EmbedResult, embed, type RunTokens } from '../../workers/host/text/embedding/embedder.ts'
import { TextModels } from '../../workers/host/text/text-models.ts'
import type { TextGenerator } from '../../workers/host/text/types.ts'
import type { CatalogueEntry } from './catalogue.ts'
import type { Inference } from './inference.ts'
import { createVerifier } from './verify.ts'

/** What this server's models do with text. */
export interface TextService {
  /** @throws SpillwayError `not_supported` where the model generates no text. */
  generator(entry: CatalogueEntry, preferredVariant?: string): Promise<TextGenerator>
  /** @throws SpillwayError `not_supported` where the model makes no embeddings, `context_exceeded`; else as a run does. */
  embed(
    entry: CatalogueEntry,
    texts: readonly (string | readonly number[])[],
    wait: WaitOptions,
  ): Promise<EmbedResult>
}

export function createTextService(
  inference: Pick<Inference, 'generator' | 'run'>,
  clock: Clock,
): TextService {
  const verify = createVerifier()
  const models = new TextModels(clock)

  const filesOf =
    ({ manifest, folder }: CatalogueEntry) =>
    (): Promise<Uint8Array[]> =>
      Promise.all(
        textFiles(manifest).map(async (file) => {
          const path = join(folder, file.path)
          await verify(path, file)
          return new Uint8Array(await readFile(path))
        }),
      )

  return {
    generator: async (entry, preferredVariant) => {
      // Before the tokenizer: a model that generates no text needs none.
      const tokens = inference.generator(entry, preferredVariant)
      return models.generator(entry.manifest, tokens, filesOf(entry))
    },
    embed: async (entry, texts, wait) => {
      const reader = await models.reader(entry.manifest, filesOf(entry))
      const run: RunTokens = async (tensors, signal) =>
        (await inference.run(entry, { tensors, rows: 1 }, { ...wait, signal })).outputs
      try {
        return await embed(entry.manifest, reader, texts, run, wait.signal)
      } catch (cause) {
        throw texts.some((text) => typeof text !== 'string') ? blameTokens(cause) : cause
      }
    },
  }
}

/** The manifest of an embedding model does not say how many tokens it has: the run refuses the others. */
function blameTokens(cause: unknown): unknown {
  if (!(cause instanceof SpillwayError) || cause.code !== 'run_failed') return cause
  return new SpillwayError(
    'input_value_invalid',
    `The model refuses the tokens: ${cause.message}`,
    { param: 'input' },
    { cause },
  )
}
