import { withAbort } from '../../models/async/abort.ts'
import type { Clock } from '../../models/async/clock.ts'
import { untilDeadline } from '../../models/async/timeouts.ts'
import { type Manifest, SpillwayError, type Tensor } from '../../models/core/index.ts'
import { type EmbedResult, embed } from '../../workers/host/text/embedding/embedder.ts'
import { createTextGenerator } from '../../workers/host/text/text-generator.ts'
import type { TextGenerator, TextRequest, Tokenizer } from '../../workers/host/text/types.ts'
import type { DeviceSession } from '../device/device-session.ts'
import type { DeviceTier } from '../device/device-tier.ts'
import type { SpillEstimate } from '../placement/decide.ts'
import type { PlacementOptions } from '../placement/request-state.ts'
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

/** What a page asks of models that read and write text. */
export class TextService {
  readonly #options: TextServiceOptions
  readonly #tokenizers = new WeakMap<Manifest, Promise<Tokenizer>>()
  readonly #generators = new WeakMap<DeviceSession, TextGenerator>()

  constructor(options: TextServiceOptions) {
    this.#options = options
  }

  /** @throws SpillwayError In the stream: `not_supported` where the model generates no text. */
  generate(manifest: Manifest, request: TextRequest, route: PlacementOptions): GenerationStream {
    const { router, clock, closing } = this.#options
    return generate(
      {
        router,
        late: (session) => this.#late(session),
        segmentAt: (place) => this.#segmentAt(manifest, place),
        clock,
        closing,
      },
      manifest,
      request,
      route,
    )
  }

  async embed(
    manifest: Manifest,
    texts: readonly (string | readonly number[])[],
    route: PlacementOptions,
  ): Promise<EmbedResult> {
    const { router, clock } = this.#options
    const { signal, deadlineMs } = route
    const deadline = deadlineMs === undefined ? undefined : clock.now() + deadlineMs
    // Others may wait for it, too: it is left, and not stopped.
    const tokenizer = await untilDeadline(clock, deadline, signal, () =>
      withAbort(signal, this.tokenizer(manifest)),
    )
    const left =
      deadline === undefined ? route : { ...route, deadlineMs: Math.max(1, deadline - clock.now()) }
    const run = async (tensors: Readonly<Record<string, Tensor>>) =>
      (await router.run(manifest, { tensors, rows: 1 }, left)).outputs
    return embed(manifest, tokenizer, texts, run)
  }

  /** Read once; a failure is not kept. */
  tokenizer(manifest: Manifest): Promise<Tokenizer> {
    let tokenizer = this.#tokenizers.get(manifest)
    if (!tokenizer) {
      tokenizer = this.#readTokenizer(manifest)
      this.#tokenizers.set(manifest, tokenizer)
      tokenizer.catch(() => this.#tokenizers.delete(manifest))
    }
    return tokenizer
  }

  async #readTokenizer(manifest: Manifest): Promise<Tokenizer> {
    const specs = manifest.tokenizer
    if (!specs) throw withoutTokenizer(manifest)
    const [files, { readTokenizer }] = await Promise.all([
      this.#options.device.tokenizerFiles(manifest),
      // Pages that only run tensors load no tokenizer.
      import('../../workers/host/text/tokenizer/tokenizer.ts'),
    ])
    const named = new Map(specs.map(({ path }, index) => [nameOf(path), new Uint8Array(files[index] ?? [])]))
    return readTokenizer(named, manifest.generation?.stopTokens ?? [])
  }

  async #segmentAt(manifest: Manifest, { session }: TextTarget): Promise<StreamSegment> {
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

  /** With all slots taken a text waits for another's end, while the server would begin at once. */
  #late(session: DeviceSession): SpillEstimate | undefined {
    const { slots, running, waiting } = this.#options.device.generator(session).load
    const taken = running + waiting
    return taken < slots ? undefined : { slots, taken }
  }
}

/** The graph's folder is the hub's business; a tokenizer's files are known by their names. */
const nameOf = (path: string) => path.slice(path.lastIndexOf('/') + 1)

const withoutTokenizer = ({ id }: Manifest) =>
  new SpillwayError('not_supported', `${id} reads no text`, {
    expected: 'a manifest that lists a tokenizer',
    hint: 'Give it tokens.',
  })
