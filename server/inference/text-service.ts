import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../../models/async/clock.ts'
import { SpillwayError, textFiles } from '../../models/core/index.ts'
import { createVerifier } from '../../models/tools/manifest/verifier.ts'
import { type Embeddings, embed, type RunTokens } from '../../workers/host/text/embedding/embedder.ts'
import { TextModels } from '../../workers/host/text/text-models.ts'
import { type PromptRequest, type ReadPrompt, readPrompt } from '../../workers/host/text/tokenizer/prompt.ts'
import type { TemplateArguments, TextGenerator } from '../../workers/host/text/types.ts'
import { jobOf } from '../offload/job-of.ts'
import type { Offload } from '../offload/offload.ts'
import type { CatalogueEntry, NamedTexts } from './catalogue.ts'
import type { Inference } from './inference.ts'
import { charactersOf } from './prompt-length.ts'
import type { RequestWait } from './request-wait.ts'

/** What this server's models do with text. */
export interface TextService {
  /** Reads the model's tokenizer, so that the first text need not wait; nothing for a model without one. */
  prepare(entry: CatalogueEntry): Promise<void>
  /** @throws SpillwayError `not_supported` where the model generates no text. */
  generator(named: NamedTexts, preferredVariant?: string): Promise<TextGenerator>
  /**
   * Reads prompts, off the server's thread where they are long.
   *
   * @throws SpillwayError as `readPrompt` and `Offload.run` do.
   */
  readPrompts(
    entry: CatalogueEntry,
    prompts: readonly PromptRequest[],
    templateArguments: TemplateArguments | undefined,
    wait: RequestWait,
  ): Promise<readonly ReadPrompt[]>
  /** @throws SpillwayError `not_supported` where the model makes no embeddings, `context_exceeded`; else as a run does. */
  embed(
    entry: CatalogueEntry,
    texts: readonly (string | readonly number[])[],
    wait: RequestWait,
  ): Promise<Embeddings & { readonly runs: EmbeddingRuns }>
}

/** When the runs of an embedding's texts began and ended: they share runs, and many texts take several. */
export interface EmbeddingRuns {
  /** Milliseconds to the begin of the first. */
  readonly queueMs: number
  /** From then to the end of the last. */
  readonly computeMs: number
  /** The end of the last, on the clock. */
  readonly answeredAt: number
}

export function createTextService(
  inference: Pick<Inference, 'contextOf' | 'generator' | 'run'>,
  clock: Clock,
  offload: Offload,
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

  /** Texts and chats as they are read, in the offload thread. */
  const readApart = async (
    entry: CatalogueEntry,
    prompts: readonly PromptRequest[],
    templateArguments: TemplateArguments | undefined,
    wait: RequestWait,
  ): Promise<ReadPrompt[]> => {
    const { manifest, folder } = entry
    const contextLength = inference.contextOf(entry)
    const files = manifest.tokenizer ?? []
    const key = files.map(({ sha256 }) => sha256).join()
    const source = { folder, paths: files.map(({ path }) => path), key }
    const task = { source, prompts, templateArguments, contextLength }
    const job = jobOf(wait, [], 2 * charactersOf(prompts, templateArguments))
    const read = await offload.run('tokenize', task, job)
    return read.map(({ tokens, ...prompt }) => ({ ...prompt, tokens: numbersOf(tokens) }))
  }

  return {
    prepare: async (entry) => {
      if (entry.manifest.tokenizer) await models.reader(entry.manifest, filesOf(entry))
    },
    readPrompts: async (entry, prompts, templateArguments, wait) => {
      // Its files are verified here, whoever reads them.
      const { tokenizer } = await models.reader(entry.manifest, filesOf(entry))
      const readHere = (prompt: PromptRequest) =>
        readPrompt(prompt, tokenizer, inference.contextOf(entry), templateArguments)
      if (charactersOf(prompts, templateArguments) <= mostTokenizedHere) return prompts.map(readHere)
      const texts = prompts.filter(({ tokens }) => !tokens)
      const read = (await readApart(entry, texts, templateArguments, wait)).values()
      return prompts.map((prompt) => (prompt.tokens ? undefined : read.next().value) ?? readHere(prompt))
    },
    generator: async ({ entry, adapter }, preferredVariant) => {
      // Before the tokenizer: a model that generates no text needs none.
      const tokens = inference.generator(entry, preferredVariant)
      return models.generator(entry.manifest, tokens, filesOf(entry), adapter)
    },
    embed: async (entry, texts, wait) => {
      const reader = await models.reader(entry.manifest, filesOf(entry))
      const answers: EmbeddingRuns[] = []
      const run: RunTokens = async (tensors, signal) => {
        const answer = await inference.run(entry, { tensors, rows: 1 }, { ...wait, signal })
        const { outputs, queueMs, computeMs, answeredAt } = answer
        answers.push({ queueMs, computeMs, answeredAt })
        return outputs
      }
      const withRuns = async (result: Promise<Embeddings>) => ({ ...(await result), runs: runsOf(answers) })
      try {
        const prompts = texts.map((text) => (typeof text === 'string' ? { prompt: text } : { tokens: text }))
        if (!entry.manifest.embedding || charactersOf(prompts, undefined) <= mostTokenizedHere)
          return await withRuns(embed(entry.manifest, reader, texts, run, { signal: wait.signal }))
        // An empty text is refused with the others' lengths.
        const long = prompts.filter(({ prompt }) => prompt)
        const read = (await readApart(entry, long, undefined, wait)).values()
        const sequences = prompts.map(({ prompt, tokens = [] }) =>
          prompt ? (read.next().value?.tokens ?? []) : (prompt ?? tokens),
        )
        return await withRuns(embed(entry.manifest, reader, sequences, run, { signal: wait.signal }))
      } catch (cause) {
        throw texts.some((text) => typeof text !== 'string') ? blameTokens(cause) : cause
      }
    },
  }
}

function runsOf(answers: readonly EmbeddingRuns[]): EmbeddingRuns {
  const answeredAt = Math.max(...answers.map((one) => one.answeredAt))
  const begunAt = Math.min(...answers.map((one) => one.answeredAt - one.computeMs))
  const queueMs = Math.min(...answers.map((one) => one.queueMs))
  return { queueMs, computeMs: answeredAt - begunAt, answeredAt }
}

/** Characters that are tokenized on the server's own thread, in milliseconds: a message would cost more. */
const mostTokenizedHere = 4_096

/** Of a model that writes no text, no prompt is held to it. */

/** A loop: `Array.from` takes ten times as long. */
function numbersOf(tokens: Int32Array): number[] {
  const numbers = new Array<number>(tokens.length)
  for (let at = 0; at < tokens.length; at++) numbers[at] = tokens[at] ?? 0
  return numbers
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
