import { type Backend, type Manifest, needsRowProof, type Variant } from '../../models/core/index.ts'
import type { SessionSpec } from '../../workers/host/scheduler/work.ts'
import { type GenerateLimits, generateSetup } from '../../workers/host/text/generate-setup.ts'
import type { GenerateSetup, LoadRequest } from '../../workers/protocol/lane.ts'

/** Sequences of one model on a device: enough for one person's chats and the page's own requests. */
export const generateLimits: GenerateLimits = { maxSlots: 8, maxBytes: 192 * 2 ** 20 }

/** A model's files and the backend that runs them on this device. */
export class DeviceSession implements SessionSpec {
  readonly key: string
  readonly manifest: Manifest
  readonly files: Variant
  readonly backend: Backend
  readonly #loadFiles: (session: DeviceSession) => Promise<ArrayBuffer[]>
  readonly #generate: GenerateSetup | undefined
  #fetchedFiles: ArrayBuffer[] | undefined

  constructor(
    manifest: Manifest,
    files: Variant,
    backend: Backend,
    loadFiles: (session: DeviceSession) => Promise<ArrayBuffer[]>,
  ) {
    this.key = sessionKey(manifest, files, backend)
    this.manifest = manifest
    this.files = files
    this.backend = backend
    this.#loadFiles = loadFiles
    this.#generate = generateSetup(manifest, files, generateLimits)
  }

  get variant(): string {
    return this.files.id
  }

  get memory(): number {
    return this.files.memory + (this.#generate?.maxBytes ?? 0)
  }

  /** Files for the next load, which transfers their buffers away; undefined where no load follows. */
  setFetchedFiles(files: ArrayBuffer[] | undefined): void {
    this.#fetchedFiles = files
  }

  async request(): Promise<LoadRequest> {
    const [graph = new ArrayBuffer(0), ...external] = this.#fetchedFiles ?? (await this.#loadFiles(this))
    this.#fetchedFiles = undefined
    const { key, backend, manifest, files } = this
    return {
      session: key,
      backend,
      source: {
        from: 'bytes',
        graph,
        // The graph names its external data by file name, without a folder.
        external: external.map((data, index) => ({
          path: baseName(files.files[index + 1]?.path ?? ''),
          data,
        })),
      },
      inputs: manifest.inputs,
      outputs: manifest.outputs,
      batchAxis: manifest.batchAxis,
      needsRowProof: needsRowProof(manifest),
      generate: this.#generate,
    }
  }
}

export const sessionKey = ({ id, version }: Manifest, variant: Variant, backend: Backend) =>
  `${id}@${version}/${variant.id}/${backend}`

const baseName = (path: string) => path.slice(path.lastIndexOf('/') + 1)
