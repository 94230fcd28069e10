import { closeSync, openSync, readSync, statSync } from 'node:fs'
import { SpillwayError } from '../../../core/error.ts'
import { malformed } from '../../errors.ts'
import { DataType } from '../../onnx/data-type.ts'
import { readExternal } from '../../onnx/external.ts'
import { type Weight, weightBytes } from '../../onnx/weight.ts'
import type { Checkpoint, Layer, ModelShape } from '../checkpoint.ts'
import { deinterleavePairs } from '../transform.ts'

/** The header of a file. */
interface Header {
  readonly dim: number
  readonly hidden: number
  readonly layers: number
  readonly heads: number
  readonly kvHeads: number
  readonly vocabulary: number
  readonly context: number
  readonly tied: boolean
  /** 0: the first format, which has no version number. */
  readonly version: 0 | 1
}

const magic = 0x616b3432
const headerBytes = { 0: 28, 1: 256 }
/** Bounds that no model reaches. A file of another format rarely has seven small numbers in a row. */
const largest = { layers: 1_000, heads: 1_000, others: 10_000_000 }

/**
 * Reads a checkpoint of llama2.c in float32: its first format, or version 1.
 * @throws SpillwayError `model_invalid`, `file_truncated` or `not_supported`.
 */
export function readLlama2c(path: string): Checkpoint {
  const { size } = statSync(path)
  const header = readHeader(path, size)
  const shape = shapeOf(header)
  const found = header.version === 0 ? firstLayout(header, shape) : secondLayout(header, shape)
  const total = found.reduce(
    (sum, [, dims]) => sum + 4 * dims.reduce((all, one) => all * one, 1),
    headerBytes[header.version],
  )
  if (size !== total) {
    throw new SpillwayError(
      size < total ? 'file_truncated' : 'model_invalid',
      `${path} is not a complete checkpoint`,
      {
        expected: `${total} bytes, as its header says`,
        got: `${size}`,
      },
    )
  }
  return checkpointOf(header, shape, locateTensors(path, found, headerBytes[header.version]))
}

function readHeader(path: string, size: number): Header {
  const bytes = Buffer.alloc(headerBytes[1])
  const file = openSync(path, 'r')
  try {
    readSync(file, bytes, 0, bytes.length, 0)
  } finally {
    closeSync(file)
  }
  if (size < headerBytes[0]) throw malformed(`${path} is not a checkpoint of llama2.c: it is too short`)
  const versioned = bytes.readUInt32LE(0) === magic
  const version = versioned ? bytes.readInt32LE(4) : 0
  if (version !== 0 && version !== 1) {
    throw new SpillwayError('not_supported', `${path} is a checkpoint of version ${version}`, {
      expected: 'floats: version 1, or the format before versions',
      hint: 'Export it as float32; "--to q8" makes it small again.',
    })
  }
  const at = (index: number) => bytes.readInt32LE((versioned ? 8 : 0) + 4 * index)
  const vocabulary = at(5)
  const header: Header = {
    dim: at(0),
    hidden: at(1),
    layers: at(2),
    heads: at(3),
    kvHeads: at(4),
    vocabulary: Math.abs(vocabulary),
    context: at(6),
    // In the first format a negative size means that the output layer has its own matrix.
    tied: versioned ? bytes.readUInt8(36) !== 0 : vocabulary > 0,
    version,
  }
  checkHeader(path, header)
  return header
}

function checkHeader(path: string, { version: _, tied: __, ...sizes }: Header): void {
  const { dim, layers, heads, kvHeads } = sizes
  const isPlausible =
    Object.values(sizes).every((size) => size > 0 && size <= largest.others) &&
    layers <= largest.layers &&
    heads <= largest.heads &&
    heads % kvHeads === 0 &&
    dim % (2 * heads) === 0
  if (isPlausible) return
  throw malformed(`${path} is not a checkpoint of llama2.c`, {
    expected: 'dim, hidden, layers, heads, KV heads, vocabulary and context of a model',
    got: Object.values(sizes).join(', '),
  })
}

const shapeOf = ({ dim, layers, heads, kvHeads, vocabulary, context }: Header): ModelShape => ({
  layers,
  width: dim,
  heads,
  kvHeads,
  headSize: dim / heads,
  vocabulary,
  context,
  epsilon: 1e-5,
  rope: { theta: 10_000, scaling: { type: 'default' } },
})

type Layout = readonly (readonly [name: string, dims: readonly number[]])[]

function blocksOf({ layers, dim, hidden }: Header, { kvHeads, headSize }: ModelShape) {
  const kv = kvHeads * headSize
  return {
    attention: [
      ['query', [layers, dim, dim]],
      ['key', [layers, kv, dim]],
      ['value', [layers, kv, dim]],
      ['output', [layers, dim, dim]],
    ],
    mlp: [
      ['gate', [layers, hidden, dim]],
      ['down', [layers, dim, hidden]],
      ['up', [layers, hidden, dim]],
    ],
  } satisfies Record<string, Layout>
}

function firstLayout(header: Header, shape: ModelShape): Layout {
  const { layers, dim, vocabulary, context, tied } = header
  const { attention, mlp } = blocksOf(header, shape)
  return [
    ['embedding', [vocabulary, dim]],
    ['attentionNorm', [layers, dim]],
    ...attention,
    ['mlpNorm', [layers, dim]],
    ...mlp,
    ['norm', [dim]],
    // Unused tables of positions.
    ['cosines', [context, shape.headSize / 2]],
    ['sines', [context, shape.headSize / 2]],
    ...(tied ? [] : [['head', [vocabulary, dim]] as const]),
  ]
}

function secondLayout(header: Header, shape: ModelShape): Layout {
  const { layers, dim, vocabulary, tied } = header
  const { attention, mlp } = blocksOf(header, shape)
  return [
    ['attentionNorm', [layers, dim]],
    ['mlpNorm', [layers, dim]],
    ['norm', [dim]],
    ['embedding', [vocabulary, dim]],
    ...attention,
    ...mlp,
    ...(tied ? [] : [['head', [vocabulary, dim]] as const]),
  ]
}

interface CheckpointTensors {
  whole(name: string): Weight
  /** The part of one layer in a tensor that is stored for all layers. */
  part(name: string, layer: number): Weight
}

function locateTensors(path: string, layout: Layout, from: number): CheckpointTensors {
  const places = new Map<string, { readonly dims: readonly number[]; readonly offset: number }>()
  let offset = from
  for (const [name, dims] of layout) {
    places.set(name, { dims, offset })
    offset += weightBytes({ type: DataType.FLOAT, dims })
  }
  const weight = (name: string, dims: readonly number[], offset: number): Weight => ({
    name,
    type: DataType.FLOAT,
    dims,
    file: path,
    bytes: () => readExternal({ path, offset, length: weightBytes({ type: DataType.FLOAT, dims }) }),
  })
  const find = (name: string) => {
    const found = places.get(name)
    if (!found) throw new RangeError(`no "${name}" in the layout`)
    return found
  }
  return {
    whole: (name) => weight(name, find(name).dims, find(name).offset),
    part: (name, layer) => {
      const { dims, offset } = find(name)
      const own = dims.slice(1)
      return weight(name, own, offset + layer * weightBytes({ type: DataType.FLOAT, dims: own }))
    },
  }
}

function checkpointOf({ tied }: Header, shape: ModelShape, { whole, part }: CheckpointTensors): Checkpoint {
  const layer = (index: number): Layer => {
    const plain = (name: string) => ({ weight: part(name, index) })
    return {
      attentionNorm: part('attentionNorm', index),
      query: { weight: deinterleavePairs(part('query', index), shape.headSize) },
      key: { weight: deinterleavePairs(part('key', index), shape.headSize) },
      value: plain('value'),
      output: plain('output'),
      mlpNorm: part('mlpNorm', index),
      gate: plain('gate'),
      up: plain('up'),
      down: plain('down'),
    }
  }
  return {
    shape,
    embedding: whole('embedding'),
    layers: Array.from({ length: shape.layers }, (_, index) => layer(index)),
    norm: whole('norm'),
    head: tied ? undefined : whole('head'),
  }
}
