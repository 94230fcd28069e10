import { join } from 'node:path'
import {
  type Backend,
  type CheckedInputs,
  type Placement,
  SpillwayError,
  type Variant,
} from '../models/index.ts'
import type { Clock } from '../workers/clock.ts'
import type { Lane } from '../workers/lane/lane.ts'
import { pack } from '../workers/pool/pack.ts'
import { type BatchResult, Pool, type SessionSource, type WaitOptions } from '../workers/pool/pool.ts'
import { type CatalogueEntry, verifyFile } from './catalogue.ts'

export interface Inference {
  run(entry: CatalogueEntry, inputs: CheckedInputs, wait: WaitOptions): Promise<Inferred>
  /** Loads the model into a lane and runs it once. */
  prepare(entry: CatalogueEntry): Promise<void>
  state(entry: CatalogueEntry): ModelState
  close(): void
}

/** Whether requests to a model can be answered: it loaded once, and a lane that lost it loads it again. */
export type ModelState = 'loading' | 'ready' | 'failed'

export type Inferred = BatchResult & Pick<Placement, 'variant'> & { readonly backend: Backend }

export interface InferenceOptions {
  readonly backend: Backend
  readonly lanes: number
  readonly threads: number
  readonly maxQueued: number
  readonly startLane: (name: string) => Lane
  readonly clock: Clock
}

/** The server tier's models: a pool of lanes in child processes. */
export function createInference(options: InferenceOptions): Inference {
  const pool = new Pool(options)
  const { backend } = options
  const states = new Map<string, ModelState>()

  const sourceOf = (entry: CatalogueEntry): SessionSource => {
    const { manifest, folder } = entry
    const variant = chooseVariant(entry)
    const key = keyOf(entry, backend)
    return {
      key,
      request: async () => {
        for (const file of variant.files) await verifyFile(join(folder, file.path), file)
        return {
          session: key,
          backend,
          source: { from: 'file', path: join(folder, variant.files[0]?.path ?? '') },
          inputs: manifest.inputs,
          outputs: manifest.outputs,
          batchAxis: manifest.batchAxis,
        }
      },
    }
  }

  return {
    run: async (entry, { tensors }, wait) => {
      const result = await pool.run({ session: sourceOf(entry), pack: () => pack(tensors) }, wait)
      return { ...result, backend, variant: chooseVariant(entry).id }
    },
    prepare: async (entry) => {
      const { id } = entry.manifest
      states.set(id, 'loading')
      try {
        await pool.prepare(sourceOf(entry))
        states.set(id, 'ready')
      } catch (cause) {
        states.set(id, 'failed')
        throw cause
      }
    },
    state: ({ manifest }) => states.get(manifest.id) ?? 'loading',
    close: () => pool.close(),
  }
}

/** The first variant: a manifest lists the best one first. */
function chooseVariant({ manifest }: CatalogueEntry): Variant {
  const variant = manifest.variants[0]
  if (!variant) throw new SpillwayError('manifest_invalid', `${manifest.id} has no variant`)
  return variant
}

const keyOf = (entry: CatalogueEntry, backend: Backend) =>
  `${entry.manifest.id}@${entry.manifest.version}/${chooseVariant(entry).id}/${backend}`
