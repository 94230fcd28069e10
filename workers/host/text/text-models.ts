import type { Clock } from '../../../models/async/clock.ts'
import { checkAdapter, type Manifest, SpillwayError } from '../../../models/core/index.ts'
import { readDenseLayer } from './embedding/dense-layer.ts'
import type { TextReader } from './embedding/embedder.ts'
import { createTextGenerator } from './text-generator.ts'
import type { TextGenerator, TokenGenerator, Tokenizer } from './types.ts'

/** Reads the bytes of a manifest's files for texts, in the order of `textFiles`. */
export type ReadTextFiles = () => Promise<readonly Uint8Array[]>

/** The tokenizers and text generators of the models in use: each is created once. */
export class TextModels {
  readonly #clock: Clock
  readonly #readers = new WeakMap<Manifest, Promise<TextReader>>()
  /** Of each adapter by its number; 0 is the model itself. */
  readonly #generators = new WeakMap<TokenGenerator, Map<number, TextGenerator>>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /**
   * The tokenizer of a model, and the layers that its texts' vectors go through. A failure is not kept: the next call
   * reads the files again.
   *
   * @throws SpillwayError `not_supported` where the manifest lists no tokenizer; else as `readTokenizer` and
   * `readDenseLayer` do.
   */
  reader(manifest: Manifest, readFiles: ReadTextFiles): Promise<TextReader> {
    let reader = this.#readers.get(manifest)
    if (!reader) {
      reader = createReader(manifest, readFiles)
      this.#readers.set(manifest, reader)
      reader.catch(() => this.#readers.delete(manifest))
    }
    return reader
  }

  async tokenizer(manifest: Manifest, readFiles: ReadTextFiles): Promise<Tokenizer> {
    return (await this.reader(manifest, readFiles)).tokenizer
  }

  /**
   * Writes texts with an adapter of the model, or without one.
   *
   * @throws SpillwayError `model_unknown` for an adapter that the model does not have; else as `reader`.
   */
  async generator(
    manifest: Manifest,
    tokens: TokenGenerator,
    readFiles: ReadTextFiles,
    name?: string,
  ): Promise<TextGenerator> {
    checkAdapter(manifest, name)
    const adapter = name === undefined ? 0 : (manifest.generation?.adapters ?? []).indexOf(name) + 1
    const tokenizer = await this.tokenizer(manifest, readFiles)
    const generators = this.#generators.get(tokens) ?? new Map<number, TextGenerator>()
    this.#generators.set(tokens, generators)
    let generator = generators.get(adapter)
    if (!generator) {
      const { generation } = manifest
      generator = createTextGenerator({
        tokenizer,
        tokens,
        contextLength: generation?.context ?? 0,
        vocabulary: generation?.vocabulary ?? 0,
        ...(adapter > 0 && { adapter }),
        defaults: generation?.sampling ?? {},
        clock: this.#clock,
      })
      generators.set(adapter, generator)
    }
    return generator
  }
}

async function createReader(manifest: Manifest, readFiles: ReadTextFiles): Promise<TextReader> {
  const { tokenizer: tokenizerFiles, embedding, generation } = manifest
  if (!tokenizerFiles) {
    throw new SpillwayError('not_supported', `${manifest.id} reads no text`, {
      expected: 'a manifest that lists a tokenizer',
      hint: 'Give it tokens.',
    })
  }
  // A page loads the code of tokenizers with the first text only, and while it loads their files.
  const [files, { readTokenizer }] = await Promise.all([readFiles(), import('./tokenizer/tokenizer.ts')])
  const named = new Map(tokenizerFiles.map(({ path }, index) => [nameOf(path), files[index] ?? empty]))
  const layers = embedding?.dense?.map((spec, index) =>
    readDenseLayer(files[tokenizerFiles.length + index] ?? empty, spec),
  )
  return {
    tokenizer: readTokenizer(named, generation?.stopTokens ?? [], generation?.output),
    layers: layers ?? [],
  }
}

const empty = new Uint8Array()

/** Files of a tokenizer are known by their names, whatever folder they are in. */
const nameOf = (path: string) => path.slice(path.lastIndexOf('/') + 1)
