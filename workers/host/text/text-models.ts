import type { Clock } from '../../../models/async/clock.ts'
import { type Manifest, SpillwayError } from '../../../models/core/index.ts'
import { createTextGenerator } from './text-generator.ts'
import type { TextGenerator, TokenGenerator, Tokenizer } from './types.ts'

/** Reads the bytes of a manifest's tokenizer files, in its order. */
export type ReadTokenizerFiles = () => Promise<readonly Uint8Array[]>

/** The tokenizers and text generators of the models in use: each is created once. */
export class TextModels {
  readonly #clock: Clock
  readonly #tokenizers = new WeakMap<Manifest, Promise<Tokenizer>>()
  readonly #generators = new WeakMap<TokenGenerator, TextGenerator>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /**
   * A failure is not kept: the next call reads the files again.
   * @throws SpillwayError `not_supported` where the manifest lists no tokenizer; else as `readTokenizer` does.
   */
  tokenizer(manifest: Manifest, readFiles: ReadTokenizerFiles): Promise<Tokenizer> {
    let tokenizer = this.#tokenizers.get(manifest)
    if (!tokenizer) {
      tokenizer = createTokenizer(manifest, readFiles)
      this.#tokenizers.set(manifest, tokenizer)
      tokenizer.catch(() => this.#tokenizers.delete(manifest))
    }
    return tokenizer
  }

  async generator(
    manifest: Manifest,
    tokens: TokenGenerator,
    readFiles: ReadTokenizerFiles,
  ): Promise<TextGenerator> {
    const tokenizer = await this.tokenizer(manifest, readFiles)
    let generator = this.#generators.get(tokens)
    if (!generator) {
      const { generation } = manifest
      generator = createTextGenerator({
        tokenizer,
        tokens,
        contextLength: generation?.context ?? 0,
        defaults: generation?.sampling ?? {},
        clock: this.#clock,
      })
      this.#generators.set(tokens, generator)
    }
    return generator
  }
}

async function createTokenizer(manifest: Manifest, readFiles: ReadTokenizerFiles): Promise<Tokenizer> {
  const specs = manifest.tokenizer
  if (!specs) {
    throw new SpillwayError('not_supported', `${manifest.id} reads no text`, {
      expected: 'a manifest that lists a tokenizer',
      hint: 'Give it tokens.',
    })
  }
  // A page loads the code of tokenizers with the first text only, and while it loads their files.
  const [files, { readTokenizer }] = await Promise.all([readFiles(), import('./tokenizer/tokenizer.ts')])
  const named = new Map(specs.map(({ path }, index) => [nameOf(path), files[index] ?? new Uint8Array()]))
  return readTokenizer(named, manifest.generation?.stopTokens ?? [])
}

/** Files of a tokenizer are known by their names, whatever folder they are in. */
const nameOf = (path: string) => path.slice(path.lastIndexOf('/') + 1)
