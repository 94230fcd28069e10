import type { Clock } from '../../models/async/clock.ts'
import { type Backend, SpillwayError, type Variant, variantsFor } from '../../models/core/index.ts'
import { createVerifier } from '../../models/tools/manifest/verifier.ts'
import type { LeasedLane } from '../../workers/host/pool/lane-holder.ts'
import type { SessionSpec } from '../../workers/host/scheduler/work.ts'
import {
  contextWithin,
  type GenerateLimits,
  generateSetup,
  notLanguage,
} from '../../workers/host/text/generate-setup.ts'
import type { SequenceScheduler } from '../../workers/host/text/sequence-scheduler.ts'
import type { CatalogueEntry } from './catalogue.ts'
import type { Drafts } from './drafts.ts'
import type { ModelBackends } from './gpu/model-backends.ts'
import { TextLanes } from './gpu/text-lanes.ts'
import type { QueueLimits } from './inference.ts'
import { chooseVariant, createSessionSpec, sessionKey } from './session-spec.ts'

export interface ModelSessionsOptions {
  readonly backends: ModelBackends
  readonly generateLimits: GenerateLimits
  readonly drafts?: Drafts | undefined
  /** Bytes for all models in a lane. */
  readonly memoryBudget: number
  readonly queue: Pick<QueueLimits, 'requests' | 'tokens' | 'textStartMs'>
  readonly lease: (session: SessionSpec) => Promise<LeasedLane>
  /** How often a GPU was suspended. */
  readonly suspensions: () => number
  readonly clock: Clock
}

/** What lanes load of each model: one session for its tensors on each backend, one for the texts of each variant. */
export class ModelSessions {
  readonly #options: ModelSessionsOptions
  readonly #verify = createVerifier()
  readonly #specs = new Map<CatalogueEntry, Map<Backend, SessionSpec>>()
  /** By session. */
  readonly #texts = new Map<string, TextLanes>()

  constructor(options: ModelSessionsOptions) {
    this.#options = options
  }

  /** The same object for each call: the scheduler's queues are kept by it. */
  specOf(entry: CatalogueEntry, backend = this.#options.backends.of(entry)): SessionSpec {
    let specs = this.#specs.get(entry)
    if (!specs) {
      specs = new Map()
      this.#specs.set(entry, specs)
    }
    let spec = specs.get(backend)
    if (!spec) {
      spec = this.#create(entry, backend, chooseVariant(entry, backend))
      specs.set(backend, spec)
    }
    return spec
  }

  /** The same, or why the model has none. */
  specOrFault(entry: CatalogueEntry): SessionSpec | SpillwayError {
    try {
      return this.specOf(entry)
    } catch (cause) {
      return SpillwayError.from(cause, 'internal', `${entry.manifest.id} cannot run`)
    }
  }

  /** Tokens that a text may have, prompt included: as many as there is memory for, or as the model reads. */
  contextOf(entry: CatalogueEntry): number {
    const { generation } = entry.manifest
    const [variant] = generation ? variantsFor(entry.manifest, this.#options.backends.of(entry)) : []
    const setup = variant && generateSetup(entry.manifest, variant, this.#options.generateLimits)
    return setup ? contextWithin(setup) : (generation?.context ?? 0)
  }

  /** @throws SpillwayError `not_supported` where the model generates no text. */
  textsOf(
    entry: CatalogueEntry,
    backend = this.#options.backends.of(entry),
    preferredVariant?: string,
  ): SequenceScheduler {
    const variant = chooseVariant(entry, backend, preferredVariant)
    const key = sessionKey(entry, backend, variant)
    let texts = this.#texts.get(key)
    if (!texts) {
      const { generation: spec } = entry.manifest
      if (!spec) throw notLanguage(entry.manifest)
      const { backends, generateLimits, queue, lease, suspensions, clock } = this.#options
      const home = this.#create(entry, backend, variant)
      const setup = generateSetup(entry.manifest, variant, generateLimits)
      texts = new TextLanes({
        entry,
        home,
        isOnCpu: () => backend !== 'cpu' && backends.isWithoutGpu(entry),
        onCpu: () => this.#create(entry, 'cpu', chooseVariant(entry, 'cpu', variant.id), variant),
        lease,
        suspensions,
        sequences: {
          spec,
          context: setup && contextWithin(setup),
          slots: generateLimits.slots,
          maxWaiting: queue.requests,
          maxWaitingTokens: queue.tokens,
          maxStartMs: queue.textStartMs,
          clock,
        },
      })
      this.#texts.set(key, texts)
    }
    return texts.scheduler
  }

  /** All sessions that lanes may have of the model. */
  allOf(entry: CatalogueEntry): SessionSpec[] {
    return [
      ...(this.#specs.get(entry)?.values() ?? []),
      ...this.#textsOf(entry).flatMap(({ sessions }) => sessions),
    ]
  }

  /** Whether texts of the model wait or run. */
  hasTexts(entry: CatalogueEntry): boolean {
    return this.#textsOf(entry).some(({ scheduler: { load } }) => load.running + load.waiting > 0)
  }

  forget(entry: CatalogueEntry): void {
    this.#specs.delete(entry)
    for (const [key, one] of this.#texts) if (one.entry === entry) this.#texts.delete(key)
  }

  /** Texts that had to leave a GPU go on there. */
  returnToGpu(): void {
    for (const texts of this.#texts.values()) texts.returnToGpu()
  }

  close(reason: SpillwayError | undefined): void {
    for (const { scheduler } of this.#texts.values()) scheduler.close(reason)
  }

  #create(entry: CatalogueEntry, backend: Backend, variant: Variant, inPlaceOf?: Variant): SessionSpec {
    const { generateLimits, drafts, memoryBudget } = this.#options
    const draft = drafts?.of(entry)
    const { onLeftOut } = drafts ?? {}
    return createSessionSpec(
      entry,
      { backend, variant, generateLimits, inPlaceOf, draft, memoryBudget, ...(onLeftOut && { onLeftOut }) },
      this.#verify,
    )
  }

  #textsOf(entry: CatalogueEntry): TextLanes[] {
    return [...this.#texts.values()].filter((one) => one.entry === entry)
  }
}
