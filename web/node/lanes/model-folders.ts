import { createHash, randomUUID } from 'node:crypto'
import { mkdir, readdir, readFile, rename, rm, rmdir, stat, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { isFilePath } from '../../../models/core/file-spec.ts'
import { SpillwayError } from '../../../models/core/index.ts'
import {
  filesUsedOnlyBy,
  type ModelRecord,
  type ModelStore,
  modelKey,
} from '../../store/storage/model-store.ts'
import { isPartialOf } from './claim-partial.ts'

/** How the name of a variant's record begins. No file of a model has a hidden name. */
const recordPrefix = '.variant-'

const manifestName = /^[0-9a-f]{64}\.json$/

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
        // Its files lie below the folder of its name.
        if (record && this.of(record) === join(root, folder)) records.push(record)
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
      for (const file of filesUsedOnlyBy(siblings, leaving)) await removeFile(join(folder, file))
      await removeFile(join(folder, `${recordPrefix}${record.variant}.json`))
    }
  }

  /** Removes all that was kept, and nothing else: the folder may be one that the program has other files in. */
  async clear(): Promise<void> {
    await this.remove(await this.models())
    const folder = join(this.#root, 'manifests')
    for (const name of await namesIn(folder))
      if (manifestName.test(name)) await removeFile(join(folder, name))
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

/** Removes a file with what was downloaded of it, and the folders that are then empty. */
async function removeFile(path: string): Promise<void> {
  const folder = dirname(path)
  const parts = (await namesIn(folder)).filter((name) => isPartialOf(name, path))
  for (const name of [basename(path), ...parts]) await rm(join(folder, name), { force: true })
  for (const empty of [folder, dirname(folder)])
    if (
      !(await rmdir(empty).then(
        () => true,
        () => false,
      ))
    )
      break
}

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
    files.every((file) => typeof file === 'string' && isFilePath(file)) &&
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
