import { withAbort } from '../../models/async/abort.ts'
import type { Clock } from '../../models/async/clock.ts'
import { untilDeadline } from '../../models/async/timeouts.ts'
import { type Manifest, type Placement, SpillwayError } from '../../models/core/index.ts'
import { embed, type RunTokens } from '../../workers/host/text/embedding/embedder.ts'
import type { SequenceSchedulerOptions } from '../../workers/host/text/sequence-options.ts'
import { SequenceScheduler } from '../../workers/host/text/sequence-scheduler.ts'
import { TextModels } from '../../workers/host/text/text-models.ts'
import type { TextGenerator, TextRequest, Tokenizer } from '../../workers/host/text/types.ts'
import type { DeviceSession } from '../device/device-session.ts'
import type { DeviceTier } from '../device/device-tier.ts'
import type { SpillEstimate } from '../placement/decide-placement.ts'
import type { PlacementOptions } from '../placement/placement-resolver.ts'
import type { Router, TextTarget } from '../placement/router.ts'
import { requestEmbeddings } from '../remote/openai-embeddings.ts'
import type { RequestHeaders } from '../remote/request-headers.ts'
import { createCancellation } from './cancellation.ts'
import type { EmbedResult } from './embed-result.ts'
import { generate, type TextStream } from './generate.ts'
import { type AdaptedModel, deviceSegment, type StreamSegment, serverSegment } from './stream-segments.ts'
import { TextBalance, type TextBalanceOptions } from './text-balance.ts'
import { generateRequest } from './tool-loop.ts'
import type { GenerateRequest } from './tools.ts'

export interface TextServiceOptions {
  readonly router: Pick<Router, 'streamWithFailover' | 'run'>
  readonly device: Pick<DeviceTier, 'generator' | 'textFiles'>
  /** Keeps what texts cost on the device between visits. */
  readonly calibrations: TextBalanceOptions['calibrations']
  readonly server: URL | null
  /** Of requests to the server. */
  readonly headers: RequestHeaders
  readonly clock: Clock
  /** Fires when the runtime is closed. */
  readonly closing: AbortSignal
}

/** How a text is placed, and the adapter that it is written with. */
export interface TextOptions extends PlacementOptions {
  readonly adapter?: string | undefined
}

const createScheduler = (options: SequenceSchedulerOptions) => new SequenceScheduler(options)

/** Generates and embeds texts, on either tier. */
export class TextService {
  readonly #options: TextServiceOptions
  readonly #models: TextModels
  readonly #balances = new WeakMap<Manifest, TextBalance>()

  constructor(options: TextServiceOptions) {
    this.#options = options
    this.#models = new TextModels(options.clock)
  }

  /** @throws SpillwayError `not_supported`, in the stream, where the model generates no text. */
  generate(manifest: Manifest, given: GenerateRequest, { adapter, ...options }: TextOptions): TextStream {
    const { clock, closing } = this.#options
    const write = (request: TextRequest, options: PlacementOptions) =>
      this.#write({ manifest, adapter }, request, options)
    return generateRequest({ write, clock, closing }, given, options)
  }

  #write(written: AdaptedModel, request: TextRequest, options: PlacementOptions): TextStream {
    const { manifest } = written
    const { router, clock, closing } = this.#options
    return generate(
      {
        router,
        estimateSpill: (session) => this.#estimateSpill(session, request),
        createSegment: (target) => this.#createSegment(written, target),
        wrote: ({ session }, times, hasLeft) => {
          const balance = this.#balanceOf(manifest)
          if (session) balance.deviceWrote(session, times, hasLeft)
          else balance.serverWrote(times, hasLeft)
        },
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
    { truncate, ...options }: PlacementOptions & { readonly truncate?: boolean | undefined },
  ): Promise<EmbedResult> {
    if (isEmbeddedElsewhere(manifest)) {
      if (truncate) throw withoutTokenizer(manifest)
      return this.#embedElsewhere(manifest, texts, options)
    }
    const { router, clock } = this.#options
    const { signal, deadlineMs } = options
    const deadline = deadlineMs === undefined ? undefined : clock.now() + deadlineMs
    // Other texts may wait for the same tokenizer, so this one stops waiting but does not stop the download.
    const reader = await untilDeadline(clock, deadline, signal, () =>
      withAbort(
        signal,
        this.#models.reader(manifest, () => this.#textFiles(manifest)),
      ),
    )
    const remaining = () =>
      deadline === undefined ? options : { ...options, deadlineMs: Math.max(1, deadline - clock.now()) }
    const placements: Placement[] = []
    const run: RunTokens = async (tensors, signal, index) => {
      const answer = await router.run(manifest, { tensors, rows: 1 }, { ...remaining(), signal })
      placements[index] = answer.placement
      return answer.outputs
    }
    return { ...(await embed(manifest, reader, texts, run, { signal, truncate })), placements }
  }

  /** The engine has the tokenizer, too: it gets the texts. */
  async #embedElsewhere(
    manifest: Manifest,
    texts: readonly (string | readonly number[])[],
    options: PlacementOptions,
  ): Promise<EmbedResult> {
    const { router, server, headers, clock, closing } = this.#options
    const cancellation = createCancellation(clock, options, closing)
    const { signal } = cancellation
    const placement = { estimateSpill: () => undefined, preferredVariant: () => undefined }
    try {
      return await router.streamWithFailover(manifest, { ...options, signal }, placement, async (target) => {
        if (!server) throw withoutServer()
        const deadlineMs = cancellation.remainingMs()
        const result = await requestEmbeddings(server, manifest, texts, {
          clock,
          signal: target.signal,
          deadlineMs,
          pageHeaders: headers,
        })
        const { reason, explanation } = target.decision
        const where: Placement = {
          tier: 'server',
          backend: 'unknown',
          variant: 'unknown',
          reason,
          explanation,
        }
        return { ...result, placements: texts.map(() => where), truncated: [] }
      })
    } catch (cause) {
      throw cancellation.error() ?? cause
    } finally {
      cancellation.release()
    }
  }

  tokenizer(manifest: Manifest): Promise<Tokenizer> {
    return this.#models.tokenizer(manifest, () => this.#textFiles(manifest))
  }

  async #textFiles(manifest: Manifest): Promise<Uint8Array[]> {
    const files = await this.#options.device.textFiles(manifest)
    return files.map((bytes) => new Uint8Array(bytes))
  }

  async #createSegment({ manifest, adapter }: AdaptedModel, { session }: TextTarget): Promise<StreamSegment> {
    const { server, clock, headers } = this.#options
    if (session) return deviceSegment(await this.#generatorOf(session, adapter))
    if (server) return serverSegment(server, { manifest, adapter }, clock, headers)
    throw withoutServer()
  }

  async #generatorOf(session: DeviceSession, adapter: string | undefined): Promise<TextGenerator> {
    const { manifest } = session
    const tokens = this.#options.device.generator(session, createScheduler)
    return this.#models.generator(manifest, tokens, () => this.#textFiles(manifest), adapter)
  }

  /** With all slots taken a text would wait for another one to end, while the server can begin. */
  #estimateSpill(session: DeviceSession, request: TextRequest): SpillEstimate | undefined {
    const { slots, running, waiting } = this.#options.device.generator(session, createScheduler).load
    const taken = running + waiting
    if (taken >= slots) return { slots, taken }
    const { generation } = session.manifest
    const promptTokens = Math.min(promptTokensAbout(request), generation?.context ?? 0)
    return this.#balanceOf(session.manifest).weigh(session, promptTokens, request.maxTokens)
  }

  #balanceOf(manifest: Manifest): TextBalance {
    let balance = this.#balances.get(manifest)
    if (!balance) {
      const { calibrations, clock } = this.#options
      balance = new TextBalance({ manifest, calibrations, clock })
      this.#balances.set(manifest, balance)
    }
    return balance
  }
}

/** Characters of a token in most languages that models are trained on; fewer in others, which makes the estimate a low one. */
const charactersPerToken = 4

/** Tokens of a prompt that is not tokenized yet. */
function promptTokensAbout({ tokens, prompt = '', messages = [] }: TextRequest): number {
  if (tokens) return tokens.length
  const characters = messages.reduce((sum, { content }) => sum + content.length, prompt.length)
  return Math.max(1, characters / charactersPerToken)
}

/** Whether only an engine behind the server can embed with the model: neither device nor server have its files. */
const isEmbeddedElsewhere = ({ task, embedding, variants }: Manifest) =>
  task === 'feature-extraction' && !embedding && variants.length === 0

const withoutTokenizer = ({ id }: Manifest) =>
  new SpillwayError('not_supported', `${id} has no tokenizer here, so its texts cannot be truncated`, {
    expected: 'a model whose manifest has a tokenizer',
    got: 'a model of an engine behind the server',
  })

const withoutServer = () => new SpillwayError('server_absent', 'The runtime has no server')
