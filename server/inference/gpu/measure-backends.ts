import type { Clock } from '../../../models/async/clock.ts'
import { zeroInputs } from '../../../models/core/axes.ts'
import { type Backend, type Manifest, SpillwayError } from '../../../models/core/index.ts'
import { measure } from '../../../workers/host/scheduler/measure.ts'
import type { RunAnswer, SessionSpec, WaitOptions, Work } from '../../../workers/host/scheduler/work.ts'
import type { TokenGenerator } from '../../../workers/host/text/types.ts'
import type { CatalogueEntry } from '../catalogue.ts'
import type { Measured, ModelBackends } from './model-backends.ts'

/** Tokens of each text that is made to measure, and milliseconds after which no more are waited for. */
const textTokens = 8
const longestTextMs = 5_000

/** Rows of a full batch, where the manifest allows as many. */
const fullRows = 64

type Figures = Omit<Measured, 'backend'>

export interface BackendMeasurementOptions {
  readonly backends: ModelBackends
  readonly scheduler: {
    prepare(spec: SessionSpec): Promise<void>
    submit(work: Work<SessionSpec>, wait: WaitOptions): Promise<Pick<RunAnswer, 'costMs'>>
  }
  readonly specOf: (entry: CatalogueEntry, backend: Backend) => SessionSpec
  readonly generatorOf: (entry: CatalogueEntry, backend: Backend) => TokenGenerator
  readonly unload: (spec: SessionSpec) => Promise<void>
  /** Texts that share a decode step. */
  readonly slots: number
  readonly clock: Clock
  readonly onMeasured?:
    | ((entry: CatalogueEntry, chosen: Backend, measured: readonly Measured[]) => void)
    | undefined
}

/** Measures models on the backends that they may run on, one after the other, and chooses for each model. */
export class BackendMeasurements {
  readonly #options: BackendMeasurementOptions
  #last: Promise<unknown> = Promise.resolve()

  constructor(options: BackendMeasurementOptions) {
    this.#options = options
  }

  /**
   * Loads the model on each backend, runs it on made-up inputs, and keeps it on the fastest one.
   *
   * @throws SpillwayError Why it could not be loaded, where no backend could.
   */
  measure(entry: CatalogueEntry): Promise<void> {
    const measuring = this.#last.then(() => this.#measure(entry))
    this.#last = measuring.catch(() => undefined)
    return measuring
  }

  async #measure(entry: CatalogueEntry): Promise<void> {
    const { backends, scheduler, specOf, unload, onMeasured } = this.#options
    const measured: Measured[] = []
    const loaded: SessionSpec[] = []
    let failure: unknown
    for (const backend of backends.candidatesOf(entry)) {
      const spec = specOf(entry, backend)
      try {
        await scheduler.prepare(spec)
        loaded.push(spec)
        const figures = await this.#figuresOf(entry, spec)
        if (figures) measured.push({ backend, ...figures })
      } catch (cause) {
        failure ??= cause
      }
    }
    if (loaded.length === 0) throw SpillwayError.from(failure, 'lane_failed', 'No backend could load it')
    const chosen = backends.choose(entry, measured)
    onMeasured?.(entry, chosen, measured)
    await Promise.all(loaded.filter(({ backend }) => backend !== chosen).map(unload))
  }

  #figuresOf(entry: CatalogueEntry, spec: SessionSpec): Promise<Figures | undefined> {
    if (!spec.manifest.generation) return this.#msOfRows(spec)
    return this.#msOfTokens(this.#options.generatorOf(entry, spec.backend))
  }

  async #msOfRows(spec: SessionSpec): Promise<Figures | undefined> {
    const { scheduler, clock } = this.#options
    const curve = await measure(spec.manifest, {
      backend: spec.backend,
      isIdle: () => true,
      run: async (rows) => {
        const inputs = zeroInputs(spec.manifest, rows)
        if (!inputs) return undefined
        const work = { source: spec, inputs, rows, askedAt: clock.now(), isWhole: true }
        // A model may refuse zeros: it is then not measured.
        const answer = await scheduler.submit(work, { priority: 'low' }).catch(() => undefined)
        return answer?.costMs
      },
    })
    const rows = rowsOf(spec.manifest)
    return curve && { oneMs: curve.predict(1), fullMs: curve.predict(rows) / rows }
  }

  async #msOfTokens(generator: TokenGenerator): Promise<Figures | undefined> {
    const { slots } = this.#options
    // The first texts of each number compile the kernels for it.
    await this.#msPerToken(generator, 1)
    const oneMs = await this.#msPerToken(generator, 1)
    await this.#msPerToken(generator, slots)
    const fullMs = await this.#msPerToken(generator, slots)
    return oneMs === undefined || fullMs === undefined ? undefined : { oneMs, fullMs }
  }

  /** Undefined where not one token came. */
  async #msPerToken(generator: TokenGenerator, texts: number): Promise<number | undefined> {
    const { clock } = this.#options
    const stop = new AbortController()
    const cancel = clock.after(longestTextMs, () => stop.abort())
    const startedAt = clock.now()
    let tokens = 0
    const read = async () => {
      const request = {
        prompt: [0],
        generated: 0,
        maxTokens: textTokens,
        stopTokens: [],
        sampling: { temperature: 0 },
      }
      for await (const part of generator.generate(request, { signal: stop.signal })) tokens += part.length
    }
    await Promise.all(Array.from({ length: texts }, () => read().catch(() => undefined)))
    cancel()
    return tokens === 0 ? undefined : (clock.now() - startedAt) / tokens
  }
}

const rowsOf = ({ batchAxis, batching }: Manifest): number =>
  batchAxis === null ? 1 : Math.min(fullRows, batching?.maxRows ?? fullRows)
