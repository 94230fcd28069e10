import { createHash, randomUUID } from 'node:crypto'
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { SpillwayError } from '../../../models/core/index.ts'
import {
  filesUsedOnlyBy,
  type ModelRecord,
  type ModelStore,
  modelKey,
} from '../../store/storage/model-store.ts'

/** How the name of a variant's record begins. No file of a model has a hidden name. */
const recordPrefix = '.variant-'

/**
 * The folder of downloaded models, which several processes may use at once: `models/ID@VERSION/` has the files as the
 * manifest names them, with a record of each variant, and `manifests/` what was last seen at an address.
 */
export class ModelFolders implements Pick<ModelStore, 'models' | 'readManifest' | 'writeManifest'> {
  /** The variants that this process has loaded, by `modelKey`. */
  readonly used = new Set<string>()
  readonly #root: string

  constructor(root: string) {
    this.#root = root
  }

  of({ id, version }: Pick<ModelRecord, 'id' | 'version'>): string {
    return join(this.#root, 'models', `${id}@${version}`)
  }

  /** The bytes of a model's file; undefined where it is not there, or not complete. */
  async sizeOf(model: ModelRecord, file: string): Promise<number | undefined> {
    return (await stat(join(this.of(model), file)).catch(() => undefined))?.size
  }

  /** @throws SpillwayError `capacity_insufficient` where the folder cannot be written. */
  async put(record: ModelRecord): Promise<void> {
    const path = join(this.of(record), `${recordPrefix}${record.variant}.json`)
    await writeWhole(path, JSON.stringify(record)).catch((cause: unknown) => {
      throw new SpillwayError(
        'capacity_insufficient',
        `The folder of models ${this.#root} cannot be written`,
        { hint: 'Name another one as the option "cache" of createRuntime().' },
        { cause },
      )
    })
  }

  async models(): Promise<ModelRecord[]> {
    const root = join(this.#root, 'models')
    const records: ModelRecord[] = []
    for (const folder of await namesIn(root))
      for (const name of await namesIn(join(root, folder))) {
        if (!name.startsWith(recordPrefix) || !name.endsWith('.json')) continue
        const record = await readRecord(join(root, folder, name))
        if (record) records.push(record)
      }
    return records
  }

  /** Removes variants, and each file that no other variant uses. */
  async remove(removed: readonly ModelRecord[]): Promise<void> {
    const all = await this.models()
    for (const record of removed) {
      const folder = this.of(record)
      const siblings = all.filter((other) => this.of(other) === folder)
      const leaving = removed.filter((other) => this.of(other) === folder).map(modelKey)
      for (const file of filesUsedOnlyBy(siblings, leaving)) await rm(join(folder, file), { force: true })
      await rm(join(folder, `${recordPrefix}${record.variant}.json`), { force: true })
    }
  }

  /** Removes everything. */
  async clear(): Promise<void> {
    for (const name of ['models', 'manifests'])
      await rm(join(this.#root, name), { recursive: true, force: true })
  }

  async readManifest(url: string): Promise<unknown> {
    return readJson(this.#manifestPath(url))
  }

  /** Where the folder cannot be written, nothing is kept. */
  async writeManifest(url: string, manifest: unknown): Promise<void> {
    if (!url.startsWith('file:'))
      await writeWhole(this.#manifestPath(url), JSON.stringify(manifest)).catch(() => undefined)
  }

  #manifestPath(url: string): string {
    return join(this.#root, 'manifests', `${createHash('sha256').update(url).digest('hex')}.json`)
  }
}

const namesIn = (folder: string): Promise<string[]> => readdir(folder).catch(() => [])

/** Undefined for what is not there, or not JSON. */
const readJson = (path: string): Promise<unknown> =>
  readFile(path, 'utf8')
    .then((text): unknown => JSON.parse(text))
    .catch(() => undefined)

async function readRecord(path: string): Promise<ModelRecord | undefined> {
  const { id, version, variant, files, usedAt }: Readonly<Record<string, unknown>> = Object(
    await readJson(path),
  )
  const isRecord =
    [id, version, variant].every((name) => typeof name === 'string') &&
    Array.isArray(files) &&
    files.every((file) => typeof file === 'string') &&
    typeof usedAt === 'number'
  return isRecord ? { id: `${id}`, version: `${version}`, variant: `${variant}`, files, usedAt } : undefined
}

/** Other processes see the old file or the new one. */
async function writeWhole(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  const partial = `${path}.${randomUUID()}`
  await writeFile(partial, text)
  await rename(partial, path)
}
