import { create } from '@bufbuild/protobuf'
import { floatsToHalves } from '../../../models/core/half.ts'
import type { AttributeValue } from '../../../models/tools/graph/attributes.ts'
import { type Builder, createBuilder } from '../../../models/tools/graph/builder.ts'
import { contrib, type NodeParts } from '../../../models/tools/graph/node.ts'
import { makeValue } from '../../../models/tools/graph/values.ts'
import { DataType } from '../../../models/tools/onnx/data-type.ts'
import {
  GraphProtoSchema,
  ModelProtoSchema,
  OperatorSetIdProtoSchema,
} from '../../../models/tools/onnx/generated/onnx_pb.ts'
import type { Model } from '../../../models/tools/onnx/model.ts'
import { int64Weight, weightFrom } from '../../../models/tools/onnx/weight.ts'
import { randomFrom } from '../../../models/tools/run-model/random-samples.ts'

const sizes = { heads: 4, kvHeads: 2, headSize: 16, width: 64, vocabulary: 40, context: 64 } as const

/** How exports on the hub differ from each other. */
export interface HubDecoder {
  /** One product for query, key and value. */
  readonly packed?: boolean
  /** Positions are rotated by nodes of their own, which read `position_ids`. */
  readonly rotatesOutside?: boolean
  /** Only the last `num_logits_to_keep` tokens have logits. */
  readonly keepsLast?: boolean
  readonly cacheType?: DataType
  readonly attributes?: Readonly<Record<string, AttributeValue>>
  /** Inputs of the attention behind the tables of positions. */
  readonly more?: readonly string[]
  /** Nodes that write `added`, which is added to the hidden states before the head. */
  readonly added?: readonly NodeParts[]
  /** Nodes between `raw_logits`, of halves, and `logits`, of the type. */
  readonly end?: { readonly type: DataType; readonly nodes: readonly NodeParts[] }
}

const toFloats = {
  type: DataType.FLOAT,
  nodes: [{ op: 'Cast', inputs: ['raw_logits'], outputs: ['logits'], attributes: { to: DataType.FLOAT } }],
}

/** A decoder of one layer and of halves, with random weights, in the layout of exports on the hub. */
export function hubDecoder(options: HubDecoder = {}): Model {
  const { packed = false, rotatesOutside = false, keepsLast = false, added, end = toFloats } = options
  const { heads, kvHeads, headSize, width, vocabulary } = sizes
  const builder = createBuilder(emptyDecoder(options, end.type))
  const weights = halfWeights(builder)
  const product = (input: string, columns: number, output: string) =>
    builder.node({
      op: 'MatMul',
      inputs: [input, weights(`${output}.weight`, [width, columns])],
      outputs: [output],
    })
  builder.node({
    op: 'Gather',
    inputs: [weights('table', [vocabulary, width]), 'input_ids'],
    outputs: ['embedded'],
  })
  const lengths = maskLengths(builder)
  const tables = ['cosines', 'sines'].map((name) => weights(name, [sizes.context, headSize / 2]))
  if (packed) product('embedded', (heads + 2 * kvHeads) * headSize, 'query')
  else {
    product('embedded', heads * headSize, 'query')
    product('embedded', kvHeads * headSize, 'key')
    product('embedded', kvHeads * headSize, 'value')
  }
  const rotated = (input: string, count: number) => {
    if (!rotatesOutside) return input
    builder.node({
      op: 'RotaryEmbedding',
      domain: contrib,
      inputs: [input, 'position_ids', ...tables],
      outputs: [`${input}.rotated`],
      attributes: { num_heads: count },
    })
    return `${input}.rotated`
  }
  builder.node({
    op: 'GroupQueryAttention',
    domain: contrib,
    inputs: [
      rotated('query', heads),
      ...(packed ? ['', ''] : [rotated('key', kvHeads), 'value']),
      'past_key_values.0.key',
      'past_key_values.0.value',
      ...lengths,
      ...(rotatesOutside ? ['', ''] : tables),
      ...(options.more ?? []),
    ],
    outputs: ['attended', 'present.0.key', 'present.0.value'],
    attributes: {
      num_heads: heads,
      kv_num_heads: kvHeads,
      do_rotary: rotatesOutside ? 0 : 1,
      ...options.attributes,
    },
  })
  product('attended', width, 'projected')
  builder.node({ op: 'Add', inputs: ['embedded', 'projected'], outputs: ['summed'] })
  for (const node of added ?? []) builder.node(node)
  if (added) builder.node({ op: 'Add', inputs: ['summed', 'added'], outputs: ['changed'] })
  product(keepsLast ? lastTokens(builder, 'summed') : added ? 'changed' : 'summed', vocabulary, 'raw_logits')
  for (const node of end.nodes) builder.node(node)
  return builder.finish()
}

function halfWeights(builder: Builder): (name: string, dims: readonly number[]) => string {
  const random = randomFrom(3)
  return (name, dims) => {
    const count = dims.reduce((all, size) => all * size, 1)
    const floats = Float32Array.from({ length: count }, () => random.normal() * 0.2)
    return builder.weight(weightFrom(name, DataType.FLOAT16, dims, floatsToHalves(floats)))
  }
}

function maskLengths(builder: Builder): readonly string[] {
  const [axis, one, at] = [1, 1, 1].map((number, index) =>
    builder.weight(int64Weight(`number_${index}`, [number], index === 2 ? [] : [1])),
  )
  const cast = (input: string, output: string) =>
    builder.node({ op: 'Cast', inputs: [input], outputs: [output], attributes: { to: DataType.INT32 } })
  builder.node({
    op: 'ReduceSum',
    inputs: ['attention_mask', axis ?? ''],
    outputs: ['sum'],
    attributes: { keepdims: 0 },
  })
  builder.node({ op: 'Sub', inputs: ['sum', one ?? ''], outputs: ['before'] })
  builder.node({ op: 'Shape', inputs: ['attention_mask'], outputs: ['mask_shape'] })
  builder.node({ op: 'Gather', inputs: ['mask_shape', at ?? ''], outputs: ['all'] })
  cast('before', 'seqlens_k')
  cast('all', 'total_sequence_length')
  return ['seqlens_k', 'total_sequence_length']
}

function lastTokens(builder: Builder, input: string): string {
  const [end, axis] = [2 ** 31 - 1, 1].map((number, index) =>
    builder.weight(int64Weight(`kept_${index}`, [number])),
  )
  builder.node({ op: 'Neg', inputs: ['num_logits_to_keep'], outputs: ['first'] })
  builder.node({ op: 'Slice', inputs: [input, 'first', end ?? '', axis ?? ''], outputs: ['last'] })
  return 'last'
}

function emptyDecoder(
  { rotatesOutside, keepsLast, cacheType = DataType.FLOAT16 }: HubDecoder,
  logits: DataType,
): Model {
  const { kvHeads, headSize, vocabulary } = sizes
  const cache = (prefix: string, length: string) =>
    ['key', 'value'].map((role) =>
      makeValue(`${prefix}.0.${role}`, cacheType, ['batch_size', kvHeads, length, headSize]),
    )
  const tokens = ['batch_size', 'sequence_length']
  return {
    nodes: [],
    weights: new Map(),
    inputs: [
      makeValue('input_ids', DataType.INT64, tokens),
      makeValue('attention_mask', DataType.INT64, ['batch_size', 'total_sequence_length']),
      ...(rotatesOutside ? [makeValue('position_ids', DataType.INT64, tokens)] : []),
      ...(keepsLast ? [makeValue('num_logits_to_keep', DataType.INT64, [1])] : []),
      ...cache('past_key_values', 'past_sequence_length'),
    ],
    outputs: [
      makeValue('logits', logits, ['batch_size', 'logits_length', vocabulary]),
      ...cache('present', 'total_sequence_length'),
    ],
    header: create(ModelProtoSchema, {
      irVersion: 8n,
      opsetImport: [
        create(OperatorSetIdProtoSchema, { version: 17n }),
        create(OperatorSetIdProtoSchema, { domain: contrib, version: 1n }),
      ],
    }),
    graphMetadata: create(GraphProtoSchema, { name: 'hub' }),
  }
}
