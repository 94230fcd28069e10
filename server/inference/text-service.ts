import { readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { Clock } from '../../models/async/clock.ts'
import { SpillwayError } from '../../models/core/index.ts'
import type { WaitOptions } from '../../workers/host/scheduler/work.ts'
import { type EmbedResult, embed } from '../../workers/host/text/embedding/embedder.ts'
import { createTextGenerator } from '../../workers/host/text/text-generator.ts'
import { readTokenizer } from '../../workers/host/text/tokenizer/tokenizer.ts'
import type { TextGenerator, Tokenizer } from '../../workers/host/text/types.ts'
import type { CatalogueEntry } from './catalogue.ts'
import type { Inference } from './inference.ts'
import { createVerifier } from './verify.ts'

/** What this server's models do with text. */
export interface TextService {
  /** @throws SpillwayError `not_supported` where the model generates no text. */
  generator(entry: CatalogueEntry): Promise<TextGenerator>
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
  const tokenizers = new Map<CatalogueEntry, Promise<Tokenizer>>()
  const generators = new Map<CatalogueEntry, TextGenerator>()

  const read = async ({ manifest, folder }: CatalogueEntry): Promise<Tokenizer> => {
    const specs = manifest.tokenizer
    if (!specs) {
      throw new SpillwayError('not_supported', `${manifest.id} reads no text`, {
        expected: 'a manifest that lists a tokenizer',
      })
    }
    const files = await Promise.all(
      specs.map(async (file) => {
        const path = join(folder, file.path)
        await verify(path, file)
        return [basename(file.path), new Uint8Array(await readFile(path))] as const
      }),
    )
    return readTokenizer(new Map(files), manifest.generation?.stopTokens ?? [])
  }

  /** Read once; a failure is not kept. */
  const tokenizerOf = (entry: CatalogueEntry): Promise<Tokenizer> => {
    let tokenizer = tokenizers.get(entry)
    if (!tokenizer) {
      tokenizer = read(entry)
      tokenizers.set(entry, tokenizer)
      tokenizer.catch(() => tokenizers.delete(entry))
    }
    return tokenizer
  }

  return {
    generator: async (entry) => {
      // Before the tokenizer: a model that generates nothing needs none.
      const tokens = inference.generator(entry)
      const tokenizer = await tokenizerOf(entry)
      const { generation } = entry.manifest
      const known = generators.get(entry)
      if (known) return known
      const generator = createTextGenerator({
        tokenizer,
        tokens,
        contextLength: generation?.context ?? 0,
        defaults: generation?.sampling ?? {},
        clock,
      })
      generators.set(entry, generator)
      return generator
    },
    embed: async (entry, texts, wait) => {
      const tokenizer = await tokenizerOf(entry)
      const run = async (tensors: Parameters<Inference['run']>[1]['tensors']) =>
        (await inference.run(entry, { tensors, rows: 1 }, wait)).outputs
      return embed(entry.manifest, tokenizer, texts, run)
    },
  }
}
