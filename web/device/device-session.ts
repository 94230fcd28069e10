import { type Backend, type Manifest, needsRowProof, type Variant } from '../../models/core/index.ts'
import type { SessionSpec } from '../../workers/host/scheduler/work.ts'
import type { Draft } from '../../workers/host/text/draft.ts'
import { contextWithin, type GenerateLimits, generateSetup } from '../../workers/host/text/generate-setup.ts'
import type { DraftRequest, GenerateSetup, GraphSource, LoadRequest } from '../../workers/protocol/lane.ts'

/** For keys and values of one model: the share of the memory for all models, and what there is at least. */
const kvShare = 0.25
const leastKvBytes = 192 * 2 ** 20

/**
 * Sequences of one model on a device: enough for one person's chats and the page's own requests, and more where the device
 * is fast enough for many.
 *
 * @param memoryBudget Bytes for all models.
 */
export const generateLimits = (memoryBudget: number): GenerateLimits => ({
  slots: 8,
  maxSlots: 128,
  maxBytes: Math.max(leastKvBytes, Math.floor(kvShare * memoryBudget)),
})

/** The graph of a session, and of its draft model where it has one. */
export interface SessionGraphs {
  readonly source: GraphSource
  readonly draft?: DraftRequest | undefined
}

/** A model's files and the backend that runs them on this device. */
export class DeviceSession implements SessionSpec {
  readonly key: string
  readonly manifest: Manifest
  readonly files: Variant
  readonly backend: Backend
  readonly #loadGraphs: (session: DeviceSession) => Promise<SessionGraphs>
  readonly #generate: GenerateSetup | undefined
  #fetched: SessionGraphs | undefined
  /** The draft model that a lane loads with it. */
  draft: Draft | undefined

  constructor(
    manifest: Manifest,
    files: Variant,
    backend: Backend,
    loadGraphs: (session: DeviceSession) => Promise<SessionGraphs>,
    limits: GenerateLimits = generateLimits(0),
  ) {
    this.key = sessionKey(manifest, files, backend)
    this.manifest = manifest
    this.files = files
    this.backend = backend
    this.#loadGraphs = loadGraphs
    this.#generate = generateSetup(manifest, files, limits)
  }

  /** Tokens that a lane holds of one text; undefined for a model that writes none. */
  get context(): number | undefined {
    return this.#generate && contextWithin(this.#generate)
  }

  get variant(): string {
    return this.files.id
  }

  get memory(): number {
    return this.files.memory + (this.#generate?.maxBytes ?? 0) + (this.draft?.bytes ?? 0)
  }

  /** The graphs for the next load, which transfers their buffers away; undefined where no load follows. */
  setFetched(graphs: SessionGraphs | undefined): void {
    this.#fetched = graphs
  }

  async request(): Promise<LoadRequest> {
    const { source, draft } = this.#fetched ?? (await this.#loadGraphs(this))
    this.#fetched = undefined
    const { key, backend, manifest } = this
    return {
      session: key,
      backend,
      source,
      inputs: manifest.inputs,
      outputs: manifest.outputs,
      batchAxis: manifest.batchAxis,
      needsRowProof: needsRowProof(manifest),
      generate: this.#generate,
      draft,
    }
  }
}

export const sessionKey = ({ id, version }: Manifest, variant: Variant, backend: Backend) =>
  `${id}@${version}/${variant.id}/${backend}`
