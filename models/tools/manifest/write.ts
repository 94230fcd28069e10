import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { basename, dirname, join, relative, resolve, sep } from 'node:path'
import { messageOf, SpillwayError } from '../../core/error.ts'
import type { Manifest, Variant } from '../../core/manifest.ts'
import { parseManifest } from '../../core/manifest-schema.ts'
import { type About, type Candidate, describeModel, findVariants, rankOf } from '../../hub/index.ts'
import type { InputValues } from '../run-model/constant-inputs.ts'
import type { Runtime } from '../run-model/runtime.ts'
import { separateRuntime } from '../run-model/separate-runtime.ts'
import { withEvidence } from './batch-evidence.ts'
import type { OnRead } from './file-spec.ts'
import { readGraphs } from './graph-facts.ts'
import { openFolder } from './local-folder.ts'
import { mergeManifest } from './merge.ts'
import { originalOf, withoutZipMapCopies } from './zipmap-copies.ts'

export interface MakeOptions {
  /** Names and texts for a new manifest. */
  readonly about?: Partial<About> | undefined
  /** Paths of the graphs to list. The old manifest is ignored, because it belongs to other files. */
  readonly only?: readonly string[] | undefined
  readonly onRead?: OnRead | undefined
  /** Of inputs that have to be certain ones when the graphs are run. */
  readonly values?: InputValues | undefined
  /** Called with what a user should know of the description. */
  readonly onNote?: ((note: string) => void) | undefined
  /** Runs the graphs: for what files do not declare, and to prove that rows are independent. Default: onnxruntime-node. */
  readonly runtime?: Runtime | undefined
  /** How long each graph may run with the default runtime, in milliseconds. Default: one minute. */
  readonly runLimitMs?: number | undefined
}

const defaultRunLimitMs = 60_000

/**
 * The manifest of the ONNX files in a folder, read from their graphs. Entries of an existing manifest that do not
 * follow from the graphs are kept. Whether rows of several requests may share a run is proven by running the graphs.
 * Graphs that crash or run longer than the limit are described without.
 *
 * @throws SpillwayError `manifest_invalid` where the existing one is not valid; else as `readGraphs` and
 * `describeModel`.
 */
export async function makeManifest(root: string, options: MakeOptions = {}): Promise<Manifest> {
  const { only, values = new Map(), onNote = () => {}, runLimitMs = defaultRunLimitMs } = options
  const { runtime = separateRuntime(runLimitMs) } = options
  const old = only ? undefined : readManifest(root)
  const folder = openFolder(root, options.onRead)
  const paths = withoutZipMapCopies(
    [...folder.sizes.keys()].filter((path) => !only || !path.endsWith('.onnx') || only.includes(path)),
  )
  const candidates = candidatesOf(paths, old, root)
  const about = { ...aboutFolder(root), ...options.about }
  const running = { runtime, values, onNote }
  const made = await describeModel(folder, about, await readGraphs(root, candidates, running))
  const merged = await withEvidence(root, old ? mergeManifest(old, made) : made, running)
  return parseManifest(merged, root)
}

/** The manifest of a folder; undefined where it has none. */
export function readManifest(root: string): Manifest | undefined {
  const path = join(root, 'manifest.json')
  if (!existsSync(path)) return undefined
  let value: unknown
  try {
    value = JSON.parse(readFileSync(path, 'utf8'))
  } catch (cause) {
    throw new SpillwayError('manifest_invalid', `${path} cannot be read: ${messageOf(cause)}`)
  }
  return parseManifest(value, path)
}

/** Writes to a temporary name and renames: a server may read the manifest meanwhile. */
export function writeManifest(path: string, manifest: Manifest): void {
  try {
    writeFileSync(`${path}.partial`, `${JSON.stringify(manifest, null, 2)}\n`)
    renameSync(`${path}.partial`, path)
  } catch (cause) {
    throw SpillwayError.from(cause, 'internal', `${path} cannot be written`)
  }
}

/**
 * Variants of the old manifest keep their ids and order, new ones are inserted by rank. Variants without a file are
 * left out.
 */
function candidatesOf(paths: readonly string[], old: Manifest | undefined, root: string): Candidate[] {
  // A pulled folder may hold the copy alone.
  const graphOf = (path: string) => (paths.includes(originalOf(path)) ? originalOf(path) : path)
  const known = (old?.variants ?? [])
    .map(({ id, precision, backends, files }) => ({
      id,
      precision,
      ...(backends ? { backends } : {}),
      paths: files.map(({ path }) => graphOf(path)),
    }))
    .filter(({ paths: [graph = ''] }) => paths.includes(graph))
  const graphs = known.map(({ paths }) => paths[0])
  const rest = paths.filter((path) => !graphs.includes(path))
  if (known.length > 0 && !rest.some((path) => path.endsWith('.onnx'))) return known
  const ordered: Candidate[] = [...known]
  for (const one of findVariants(rest, root)) {
    if (ordered.some(({ id }) => id === one.id)) continue
    const worse = ordered.findIndex(({ id }) => rankOf(id) > rankOf(one.id))
    ordered.splice(worse === -1 ? ordered.length : worse, 0, one)
  }
  return ordered
}

/** An id out of a name. */
export const idOf = (name: string): string =>
  name
    .replace(/[^A-Za-z0-9._-]+/g, '-')
    .replace(/^[^A-Za-z0-9]+|-+$/g, '')
    .slice(0, 128) || 'model'

export const idOfFolder = (root: string): string => idOf(basename(resolve(root)))

function aboutFolder(root: string): About {
  const name = basename(resolve(root))
  return {
    id: idOfFolder(root),
    version: '1',
    title: name || 'A model',
    description: '',
    license: 'unknown',
    from: root,
  }
}

export interface AddedVariant {
  /** Path of the manifest. */
  readonly manifest: string
  readonly variant: Variant['id']
}

/**
 * Adds a graph in a model's folder to the manifest, as a variant named by its file: `model_q8.onnx` is `q8`. Returns
 * undefined outside of a model's folder, or where the name tells no variant.
 */
export async function addVariant(
  graph: string,
  { runLimitMs, onNote }: Pick<MakeOptions, 'runLimitMs' | 'onNote'> = {},
): Promise<AddedVariant | undefined> {
  const folder = dirname(resolve(graph))
  const root = [folder, dirname(folder)].find((one) => existsSync(join(one, 'manifest.json')))
  if (root === undefined) return undefined
  const path = relative(root, graph).split(sep).join('/')
  const manifest = await makeManifest(root, { runLimitMs, onNote })
  const added = manifest.variants.find(({ files }) => files[0]?.path === path)
  if (!added) return undefined
  const file = join(root, 'manifest.json')
  writeManifest(file, manifest)
  return { manifest: file, variant: added.id }
}
