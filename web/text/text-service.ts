import type { Clock } from '../../models/async/clock.ts'
import { untilDeadline, withAbort } from '../../models/async/timeouts.ts'
import { type Manifest, SpillwayError, type Tensor } from '../../models/core/index.ts'
import { type EmbedResult, embed } from '../../workers/host/text/embedding/embedder.ts'
import { createTextGenerator } from '../../workers/host/text/text-generator.ts'
import type { TextGenerator, TextRequest, Tokenizer } from '../../workers/host/text/types.ts'
import type { DeviceSession } from '../device/device-session.ts'
import type { DeviceTier } from '../device/device-tier.ts'
import type { SpillEstimate } from '../placement/decide.ts'
import type { PlacementOptions } from '../placement/placement-resolver.ts'
import type { Router, TextTarget } from '../placement/router.ts'
import { type GenerationStream, generate } from './generate.ts'
import { deviceSegment, type StreamSegment, serverSegment } from './stream-segments.ts'

export interface TextServiceOptions {
  readonly router: Pick<Router, 'streamWithFailover' | 'run'>
  readonly device: Pick<DeviceTier, 'generator' | 'tokenizerFiles'>
  readonly server: URL | null
  readonly clock: Clock
  /** Fires when the runtime is closed. */
  readonly closing: AbortSignal
}

/** Generates and embeds texts, on either tier. */
export class TextService {
  readonly #options: TextServiceOptions
  readonly #tokenizers = new WeakMap<Manifest, Promise<Tokenizer>>()
  readonly #generators = new WeakMap<DeviceSession, TextGenerator>()

  constructor(options: TextServiceOptions) {
    this.#options = options
  }

  /** @throws SpillwayError `not_supported`, in the stream, where the model generates no text. */
  generate(manifest: Manifest, request: TextRequest, options: PlacementOptions): GenerationStream {
    const { router, clock, closing } = this.#options
    return generate(
      {
        router,
        estimateSpill: (session) => this.#estimateSpill(session),
        createSegment: (target) => this.#createSegment(manifest, target),
        clock,
        closing,
      },
      manifest,
      request,
      options,
    )
  }

  async embed(
    manifest: Manifest,
    texts: readonly (string | readonly number[])[],
    options: PlacementOptions,
  ): Promise<EmbedResult> {
    const { router, clock } = this.#options
    const { signal, deadlineMs } = options
    const deadline = deadlineMs === undefined ? undefined : clock.now() + deadlineMs
    // Other texts may wait for the same tokenizer, so this one stops waiting but does not stop the download.
    const tokenizer = await untilDeadline(clock, deadline, signal, () =>
      withAbort(signal, this.tokenizer(manifest)),
    )
    const remaining =
      deadline === undefined ? options : { ...options, deadlineMs: Math.max(1, deadline - clock.now()) }
    const run = async (tensors: Readonly<Record<string, Tensor>>) =>
      (await router.run(manifest, { tensors, rows: 1 }, remaining)).outputs
    return embed(manifest, tokenizer, texts, run)
  }

  /** Loaded once; a failed load is tried again. */
  tokenizer(manifest: Manifest): Promise<Tokenizer> {
    let tokenizer = this.#tokenizers.get(manifest)
    if (!tokenizer) {
      tokenizer = this.#loadTokenizer(manifest)
      this.#tokenizers.set(manifest, tokenizer)
      tokenizer.catch(() => this.#tokenizers.delete(manifest))
    }
    return tokenizer
  }

  async #loadTokenizer(manifest: Manifest): Promise<Tokenizer> {
    const specs = manifest.tokenizer
    if (!specs) throw missingTokenizer(manifest)
    const [files, { readTokenizer }] = await Promise.all([
      this.#options.device.tokenizerFiles(manifest),
      // Pages that only run tensors load no tokenizer.
      import('../../workers/host/text/tokenizer/tokenizer.ts'),
    ])
    const byName = new Map(
      specs.map(({ path }, index) => [fileName(path), new Uint8Array(files[index] ?? [])]),
    )
    return readTokenizer(byName, manifest.generation?.stopTokens ?? [])
  }

  async #createSegment(manifest: Manifest, { session }: TextTarget): Promise<StreamSegment> {
    const { server, clock } = this.#options
    if (session) return deviceSegment(await this.#generatorOf(session))
    if (server) return serverSegment(server, manifest, clock)
    throw new SpillwayError('server_absent', 'The runtime has no server')
  }

  async #generatorOf(session: DeviceSession): Promise<TextGenerator> {
    const { manifest } = session
    const tokens = this.#options.device.generator(session)
    const tokenizer = await this.tokenizer(manifest)
    let generator = this.#generators.get(session)
    if (!generator) {
      generator = createTextGenerator({
        tokenizer,
        tokens,
        contextLength: manifest.generation?.context ?? 0,
        defaults: manifest.generation?.sampling ?? {},
        clock: this.#options.clock,
      })
      this.#generators.set(session, generator)
    }
    return generator
  }

  /** With all slots taken a text would wait for another one to end, while the server can begin. */
  #estimateSpill(session: DeviceSession): SpillEstimate | undefined {
    const { slots, running, waiting } = this.#options.device.generator(session).load
    const taken = running + waiting
    return taken < slots ? undefined : { slots, taken }
  }
}

/** Tokenizer files are recognized by their names, whatever folder the hub keeps them in. */
const fileName = (path: string) => path.slice(path.lastIndexOf('/') + 1)

const missingTokenizer = ({ id }: Manifest) =>
  new SpillwayError('not_supported', `${id} has no tokenizer`, {
    expected: 'a manifest that lists a tokenizer',
    hint: 'Run the model with tokens as its inputs.',
  })
