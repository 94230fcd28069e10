import { SpillwayError } from '../core/error.ts'
import type { Variant } from '../core/manifest.ts'
import { backends } from '../core/placement.ts'

/** One variant: its files, the graph first, and what its name says. */
export interface Candidate extends Pick<Variant, 'id' | 'precision' | 'backends'> {
  readonly paths: readonly string[]
  /** The names do not tell the precision: it is taken for fp32 until the graph is read. */
  readonly isPrecisionUnknown?: true
}

type Kind = Pick<Variant, 'precision' | 'backends'>

/** Backends that compute in half precision. */
export const halfBackends: Variant['backends'] = ['webgpu', 'cuda']
/** Integer matrix products: under WebGPU each layer would run on the CPU. */
export const integerBackends: Variant['backends'] = ['wasm', 'cpu', 'cuda']

/** By the suffixes of the hub's converters, best first. */
const kinds: Readonly<Record<string, Kind>> = {
  q4f16: { precision: 'q4f16', backends: halfBackends },
  q8: { precision: 'q8' },
  quantized: { precision: 'q8', backends: integerBackends },
  q4: { precision: 'q4' },
  fp16: { precision: 'fp16', backends: halfBackends },
  int8: { precision: 'q8', backends: integerBackends },
  uint8: { precision: 'q8', backends: integerBackends },
  fp32: { precision: 'fp32' },
  bnb4: { precision: 'bnb4', backends: integerBackends },
}

const ids = Object.keys(kinds)

/** Names of graphs that are a whole model. A merged decoder works with and without a cache. */
const wholeModels = ['model', 'decoder_model_merged']

interface Graph {
  readonly path: string
  readonly name: string
  readonly id: string
  /** Whether the name ends with a precision that no backend here runs, such as `_q2`. */
  readonly isForeign: boolean
  readonly isPrecisionUnknown?: true
}

/**
 * The variants among a folder's files, with their external data: `onnx/model_q4.onnx` (the hub), `model.q4.onnx` (the
 * usual output of `spillway quantize`) or `q4/model.onnx` (this project's own models).
 *
 * @throws SpillwayError `model_invalid` without an ONNX file; `not_supported` for a model of several graphs.
 */
export function findVariants(paths: Iterable<string>, from: string): Candidate[] {
  const all = [...paths]
  const graphs = all.filter(isGraph).map(readName)
  if (graphs.length === 0) {
    throw new SpillwayError('model_invalid', `There is no ONNX model in ${from}`, {
      expected: 'onnx/model.onnx, or with a suffix such as model_q4.onnx',
      got: all.slice(0, 5).join(', ') || 'no file',
      hint: 'Repositories with an ONNX model are tagged "onnx" on the hub.',
    })
  }
  return chooseModel(graphs, from)
    .map(({ id, path, isPrecisionUnknown }) => ({
      id,
      ...kindOf(id),
      paths: [path, ...externalData(path, all)],
      ...(isPrecisionUnknown && { isPrecisionUnknown }),
    }))
    .sort((one, other) => rankOf(one.id) - rankOf(other.id))
}

const isGraph = (path: string) => path.endsWith('.onnx') && path.split('/').length <= 3

/** What stands behind the kind of a graph that keeps keys and values in blocks: `q4f16-paged`. */
export const pagedSuffix = '-paged'

/** A kind, and optionally the backend that it was made for: `q8-wasm`. */
const tag = `(${ids.join('|')})(-(?:${backends.join('|')})|${pagedSuffix})?`
const suffixed = new RegExp(`^(.+)[._]${tag}$`)
const tagged = new RegExp(`^${tag}$`)

/** Whether a folder is part of a model's own: the hub's `onnx`, or one for a variant. */
export const isVariantFolder = (name: string): boolean => name === 'onnx' || tagged.test(name)

function kindOf(id: string): Kind {
  const [, kind = '', suffix] = tagged.exec(id) ?? []
  const { precision, backends: usual } = kinds[kind] ?? { precision: 'fp32' }
  // Lanes keep blocks of keys and values in buffers of WebGPU.
  const backend = suffix === pagedSuffix ? '-webgpu' : suffix
  const made = backends.filter((name) => backend === `-${name}`)
  const own = made.length > 0 ? made : usual
  return own ? { precision, backends: own } : { precision }
}

/**
 * The order of preference among variants that run on a backend: the lower, the better. A graph whose keys and values
 * are in blocks comes behind that of the same kind without.
 */
export const rankOf = (id: string): number => {
  const [, kind, made] = tagged.exec(id) ?? []
  return kind === undefined ? ids.length : ids.indexOf(kind) + (made === pagedSuffix ? 0.5 : 0)
}

function readName(path: string): Graph {
  const folder = path.includes('/') ? (path.split('/').at(-2) ?? '') : ''
  const base = path.slice(path.lastIndexOf('/') + 1, -'.onnx'.length)
  const [, name, kind, backend = ''] = suffixed.exec(base) ?? []
  if (name !== undefined && kind !== undefined) return { path, name, id: kind + backend, isForeign: false }
  const id = tagged.test(folder) ? folder : undefined
  const isForeign = /[_.](?:q\d\w*|fp8\w*|bf16)$/.test(base)
  return {
    path,
    name: base,
    id: id ?? 'fp32',
    isForeign,
    ...(id === undefined && { isPrecisionUnknown: true as const }),
  }
}

/**
 * The graphs of each part of a model that is several graphs, with their external data, by the part's name. Undefined
 * for a model of one graph.
 */
export function partsOf(paths: Iterable<string>): ReadonlyMap<string, readonly string[]> | undefined {
  const all = [...paths]
  const graphs = runnable(all.filter(isGraph).map(readName))
  if (graphs.length === 0 || nameOfModel(graphs) !== undefined) return undefined
  const parts = new Map<string, string[]>()
  for (const { name, path } of graphs)
    parts.set(name, [...(parts.get(name) ?? []), path, ...externalData(path, all)])
  return parts
}

/** Graphs of a precision that no backend here runs count only where there is no other. */
const runnable = (graphs: readonly Graph[]): readonly Graph[] => {
  const known = graphs.filter(({ isForeign }) => !isForeign)
  return known.length > 0 ? known : graphs
}

/** The name that all graphs of the model have; undefined where they are parts of it. */
function nameOfModel(graphs: readonly Graph[]): string | undefined {
  const names = [...new Set(graphs.map(({ name }) => name))]
  if (names.length === 1) return names[0]
  return names.some((name) => /encoder/.test(name))
    ? undefined
    : wholeModels.find((whole) => names.includes(whole))
}

/** One graph per variant, all of the same name. Between two folders with the same graph, `onnx/` wins. */
function chooseModel(all: readonly Graph[], from: string): Graph[] {
  const graphs = runnable(all)
  const name = nameOfModel(graphs)
  if (name === undefined) {
    throw new SpillwayError('not_supported', `The model in ${from} consists of several graphs`, {
      expected: `one, such as ${wholeModels.join('.onnx or ')}.onnx`,
      got: [...new Set(graphs.map(({ name }) => name))].slice(0, 8).join(', '),
    })
  }
  const chosen = new Map<string, Graph>()
  for (const graph of graphs) {
    if (graph.name !== name) continue
    if (!chosen.has(graph.id) || graph.path.startsWith('onnx/')) chosen.set(graph.id, graph)
  }
  return [...chosen.values()]
}

/** `model.onnx_data`, `model.onnx_data_1` or `model.onnx.data`, in order. */
function externalData(path: string, all: readonly string[]): string[] {
  const rest = (other: string) => other.slice(path.length)
  return all
    .filter((other) => other.startsWith(path) && /^[._]data(?:_\d+)?$/.test(rest(other)))
    .sort((one, other) => rest(one).length - rest(other).length || one.localeCompare(other))
}
