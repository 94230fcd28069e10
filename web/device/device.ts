import type { Backend, Manifest, Tensor, Variant } from '../../models/index.ts'
import { startWorkerLane } from '../../workers/browser/start.ts'
import type { Clock } from '../../workers/clock.ts'
import type { LoadRequest } from '../../workers/lane/protocol.ts'
import { pack } from '../../workers/pool/pack.ts'
import { type BatchResult, Pool, type SessionSource, type WaitOptions } from '../../workers/pool/pool.ts'
import { obtainFiles, type Progress } from '../store/obtain.ts'
import type { ModelStore } from '../store/store.ts'
import { type Shared, share } from './shared.ts'

/** A model's session on the device: which files, on which backend. */
export interface DeviceSession {
  readonly manifest: Manifest
  readonly variant: Variant
  readonly backend: Backend
}

export interface DeviceOptions {
  readonly store: ModelStore
  /** Where `models/…` lies. */
  readonly base: URL
  readonly threads: number
  readonly clock: Clock
}

/** Requests that may wait on the device before one more is refused. */
const maxQueued = 10_000

/** The device tier: a pool of Web Workers, fed from the store. */
export class DeviceTier {
  readonly #options: DeviceOptions
  readonly #pool: Pool
  readonly #preparing = new Map<string, Shared<Progress>>()

  constructor(options: DeviceOptions) {
    const { threads, clock } = options
    this.#options = options
    this.#pool = new Pool({
      lanes: 1,
      threads,
      maxQueued,
      clock,
      startLane: (name) => startWorkerLane(`spillway ${name}`, clock),
    })
  }

  isReady(session: DeviceSession): boolean {
    return this.#pool.has(keyOf(session))
  }

  /** Fetches, verifies and stores the files, and loads them into a lane: once, however many ask for it. */
  async prepare(
    session: DeviceSession,
    signal?: AbortSignal,
    onProgress?: (progress: Progress) => void,
  ): Promise<void> {
    if (this.isReady(session)) return
    const key = keyOf(session)
    let preparing = this.#preparing.get(key)
    if (!preparing) {
      preparing = share(async (stop, tell) => {
        try {
          // The runtime comes while the files do; why it did not start is told when they are loaded into it.
          void this.#pool.start().catch(() => undefined)
          // Fetched outside the pool: a download must not keep other models' requests waiting.
          const files = await this.#obtain(session, stop, tell)
          await this.#pool.prepare(this.#source(session, files), { signal: stop })
        } finally {
          this.#preparing.delete(key)
        }
      })
      this.#preparing.set(key, preparing)
    }
    await preparing.join(signal, onProgress)
  }

  run(
    session: DeviceSession,
    inputs: Readonly<Record<string, Tensor>>,
    wait: WaitOptions,
  ): Promise<BatchResult> {
    return this.#pool.run({ session: this.#source(session), pack: () => pack(inputs) }, wait)
  }

  close(): void {
    this.#pool.close()
  }

  #obtain(
    { manifest, variant }: DeviceSession,
    signal?: AbortSignal,
    onProgress?: (progress: Progress) => void,
  ) {
    const { store, base, clock } = this.#options
    return obtainFiles(manifest, variant, { store, base, clock, signal, onProgress })
  }

  /** Files in hand serve the first load, whose message takes their buffers; a new lane's load reads the store again. */
  #source(session: DeviceSession, inHand?: ArrayBuffer[]): SessionSource {
    let files = inHand
    return {
      key: keyOf(session),
      request: async () => {
        const bytes = files ?? (await this.#obtain(session))
        files = undefined
        return loadRequest(session, bytes)
      },
    }
  }
}

const keyOf = ({ manifest: { id, version }, variant, backend }: DeviceSession) =>
  `${id}@${version}/${variant.id}/${backend}`

function loadRequest(session: DeviceSession, files: readonly ArrayBuffer[]): LoadRequest {
  const { manifest, variant, backend } = session
  const [graph = new ArrayBuffer(0), ...external] = files
  return {
    session: keyOf(session),
    backend,
    source: {
      from: 'bytes',
      graph,
      // The graph names its external data by the file's own name.
      external: external.map((data, index) => ({
        path: baseName(variant.files[index + 1]?.path ?? ''),
        data,
      })),
    },
    inputs: manifest.inputs,
    outputs: manifest.outputs,
    batchAxis: manifest.batchAxis,
  }
}

const baseName = (path: string) => path.slice(path.lastIndexOf('/') + 1)
