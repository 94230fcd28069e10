import { create } from '@bufbuild/protobuf'
import type { Builder } from '../graph/builder.ts'
import { contrib } from '../graph/node.ts'
import { makeValue } from '../graph/values.ts'
import { DataType } from '../onnx/data-type.ts'
import { GraphProtoSchema, ModelProtoSchema, OperatorSetIdProtoSchema } from '../onnx/generated/onnx_pb.ts'
import { memoizeLast } from '../onnx/memoize-last.ts'
import type { Model } from '../onnx/model.ts'
import { int64Weight, weightFrom } from '../onnx/weight.ts'
import type { Checkpoint, Layer, ModelShape } from './checkpoint.ts'
import { createDecoderGraph, type DecoderGraph, type Stream } from './decoder-graph.ts'
import { storedHeadSize, withStoredHeads } from './heads.ts'
import { type RopeTables, ropeTables } from './rope.ts'
import type { FloatType } from './transform.ts'

export interface DecoderOptions {
  /** Float type of the computation and of the KV cache. */
  readonly type: FloatType
  /** Length of the tables of rotary positions, in tokens. */
  readonly context: number
  /** Where set, outputs are the logits of the last position only, and this number of the most likely tokens. */
  readonly topK?: number | undefined
}

/**
 * A decoder with the hub's names: inputs `input_ids`, `attention_mask`, `past_key_values.N.key` and `.value`, outputs
 * `logits`, `present.N.key` and `.value`. A row's length is the sum of its mask, so rows of different lengths decode
 * together.
 */
export function buildDecoder(
  { shape, embedding, layers, norm, head }: Checkpoint,
  options: DecoderOptions,
): Model {
  const { type, topK } = options
  const graph = createDecoderGraph(emptyModel(shape, options), type, shape.epsilon)
  const lengths = maskLengths(graph.builder)
  const rope = ropeWeights(graph, shape, options)

  const table = graph.weight(embedding, 'embedding')
  graph.builder.node({ op: 'Gather', inputs: [table, 'input_ids'], outputs: ['embedded'] })
  let stream: Stream = { sum: 'embedded' }
  for (const [index, layer] of layers.entries()) {
    const name = `layers.${index}`
    const first = graph.normalized(stream, layer.attentionNorm, `${name}.attention_norm`)
    const attended = attention(graph, shape, withStoredHeads(layer, shape), index, first.output, [
      ...lengths,
      ...rope,
    ])
    const second = graph.normalized({ sum: first.sum, added: attended }, layer.mlpNorm, `${name}.mlp_norm`)
    stream = { sum: second.sum, added: mlp(graph, layer, `${name}.mlp`, second.output) }
  }
  const last = graph.normalized(stream, norm, 'norm').output
  const read = topK === undefined ? last : lastPosition(graph.builder, last)
  const logits = type === DataType.FLOAT ? 'logits' : 'logits_half'
  if (head) graph.project({ weight: head }, read, logits, 'head')
  else graph.tied(table, read, logits)
  if (type !== DataType.FLOAT) {
    graph.builder.node({
      op: 'Cast',
      inputs: [logits],
      outputs: ['logits'],
      attributes: { to: DataType.FLOAT },
    })
  }
  if (topK !== undefined) selectTop(graph.builder, topK)
  return graph.builder.finish()
}

/** @returns The names of the rows' past lengths and of the total length, as GroupQueryAttention takes them. */
function maskLengths(builder: Builder): readonly [string, string] {
  const axis = builder.weight(int64Weight('mask_axis', [1]))
  const one = builder.weight(int64Weight('one', [1]))
  const width = builder.weight(int64Weight('mask_width', [1], []))
  builder.node({
    op: 'ReduceSum',
    inputs: ['attention_mask', axis],
    outputs: ['lengths'],
    attributes: { keepdims: 0 },
  })
  builder.node({ op: 'Sub', inputs: ['lengths', one], outputs: ['lengths_before'] })
  builder.node({ op: 'Shape', inputs: ['attention_mask'], outputs: ['mask_shape'] })
  builder.node({
    op: 'Gather',
    inputs: ['mask_shape', width],
    outputs: ['mask_size'],
    attributes: { axis: 0 },
  })
  for (const [input, output] of [
    ['lengths_before', 'row_lengths'],
    ['mask_size', 'longest'],
  ] as const)
    builder.node({ op: 'Cast', inputs: [input], outputs: [output], attributes: { to: DataType.INT32 } })
  return ['row_lengths', 'longest']
}

/** @returns The names of the tables of cosines and sines. */
function ropeWeights(
  graph: DecoderGraph,
  shape: ModelShape,
  { context }: DecoderOptions,
): readonly [string, string] {
  const memoized = memoizeLast<RopeTables>()
  const pairs = storedHeadSize(shape) / 2
  const tables = () => memoized(shape, () => ropeTables(shape.rope, shape.headSize, context, pairs))
  const dims = [context, pairs]
  return [
    graph.weight(
      weightFrom('cosines', DataType.FLOAT, dims, () => tables().cosines),
      'cosines',
    ),
    graph.weight(
      weightFrom('sines', DataType.FLOAT, dims, () => tables().sines),
      'sines',
    ),
  ]
}

function attention(
  graph: DecoderGraph,
  { heads, kvHeads, headSize }: ModelShape,
  { query, key, value, output, queryNorm, keyNorm, window }: Layer,
  index: number,
  input: string,
  shared: readonly string[],
): string {
  const name = `layers.${index}.attention`
  const projected = (projection: Layer['query'], role: string, gain?: Layer['queryNorm']) => {
    const plain = gain ? `${name}.${role}_plain` : `${name}.${role}`
    graph.project(projection, input, plain, `${name}.${role}`)
    return gain ? graph.headsNormalized(plain, gain, headSize, `${name}.${role}`) : plain
  }
  graph.builder.node({
    op: 'GroupQueryAttention',
    domain: contrib,
    inputs: [
      projected(query, 'query', queryNorm),
      projected(key, 'key', keyNorm),
      projected(value, 'value'),
      `past_key_values.${index}.key`,
      `past_key_values.${index}.value`,
      ...shared,
    ],
    outputs: [name, `present.${index}.key`, `present.${index}.value`],
    attributes: {
      num_heads: heads,
      kv_num_heads: kvHeads,
      do_rotary: 1,
      rotary_interleaved: 0,
      scale: { float: 1 / Math.sqrt(headSize) },
      ...(window === undefined ? {} : { local_window_size: window }),
    },
  })
  return graph.project(output, name, `${name}.output`, `${name}.output`)
}

function mlp(
  { builder, project }: DecoderGraph,
  { gate, up, down }: Layer,
  name: string,
  input: string,
): string {
  project(gate, input, `${name}.gate`, `${name}.gate`)
  project(up, input, `${name}.up`, `${name}.up`)
  builder.node({ op: 'Sigmoid', inputs: [`${name}.gate`], outputs: [`${name}.sigmoid`] })
  builder.node({ op: 'Mul', inputs: [`${name}.gate`, `${name}.sigmoid`], outputs: [`${name}.silu`] })
  builder.node({ op: 'Mul', inputs: [`${name}.silu`, `${name}.up`], outputs: [`${name}.gated`] })
  return project(down, `${name}.gated`, `${name}.down`, `${name}.down`)
}

/** Keeps the last position only, so that a long prompt is not multiplied with the whole vocabulary. */
function lastPosition(builder: Builder, input: string): string {
  const [start, end, axis] = [-1, 2 ** 31 - 1, 1].map((at, index) =>
    builder.weight(int64Weight(`last_${index}`, [at])),
  )
  builder.node({ op: 'Slice', inputs: [input, start ?? '', end ?? '', axis ?? ''], outputs: ['last'] })
  return 'last'
}

/**
 * Outputs the k most likely tokens, and the log-sum-exp that turns their logits into probabilities. The largest logit
 * is subtracted first, so that nothing overflows.
 */
function selectTop(builder: Builder, topK: number): void {
  const k = builder.weight(int64Weight('top_k', [topK]))
  const [start, end, axis] = [0, 1, 2].map((at, index) => builder.weight(int64Weight(`first_${index}`, [at])))
  builder.node({
    op: 'TopK',
    inputs: ['logits', k],
    outputs: ['top_logits', 'top_ids_long'],
    attributes: { axis: -1 },
  })
  builder.node({
    op: 'Cast',
    inputs: ['top_ids_long'],
    outputs: ['top_ids'],
    attributes: { to: DataType.INT32 },
  })
  builder.node({
    op: 'Slice',
    inputs: ['top_logits', start ?? '', end ?? '', axis ?? ''],
    outputs: ['largest'],
  })
  builder.node({ op: 'Sub', inputs: ['logits', 'largest'], outputs: ['below_largest'] })
  builder.node({
    op: 'ReduceLogSumExp',
    inputs: ['below_largest', axis ?? ''],
    outputs: ['log_sum_below'],
    attributes: { keepdims: 1 },
  })
  builder.node({ op: 'Add', inputs: ['log_sum_below', 'largest'], outputs: ['log_sum_exp'] })
}

function emptyModel(shape: ModelShape, { type, topK }: DecoderOptions): Model {
  const { layers, kvHeads, vocabulary } = shape
  const headSize = storedHeadSize(shape)
  const batch = 'batch_size'
  const past = [batch, kvHeads, 'past_sequence_length', headSize] as const
  const present = [batch, kvHeads, 'total_sequence_length', headSize] as const
  const kv = (prefix: string, shape: readonly (number | string)[]) =>
    Array.from({ length: layers }, (_, index) => index).flatMap((index) => [
      makeValue(`${prefix}.${index}.key`, type, shape),
      makeValue(`${prefix}.${index}.value`, type, shape),
    ])
  const rows = (last: number) => [batch, topK === undefined ? 'sequence_length' : 1, last]
  const tops =
    topK === undefined
      ? []
      : [
          makeValue('top_logits', DataType.FLOAT, rows(topK)),
          makeValue('top_ids', DataType.INT32, rows(topK)),
          makeValue('log_sum_exp', DataType.FLOAT, rows(1)),
        ]
  return {
    nodes: [],
    weights: new Map(),
    inputs: [
      makeValue('input_ids', DataType.INT64, [batch, 'sequence_length']),
      makeValue('attention_mask', DataType.INT64, [batch, 'total_sequence_length']),
      ...kv('past_key_values', past),
    ],
    outputs: [makeValue('logits', DataType.FLOAT, rows(vocabulary)), ...tops, ...kv('present', present)],
    header: create(ModelProtoSchema, {
      irVersion: 8n,
      producerName: 'spillway',
      opsetImport: [
        create(OperatorSetIdProtoSchema, { version: 18n }),
        create(OperatorSetIdProtoSchema, { domain: contrib, version: 1n }),
      ],
    }),
    graphMetadata: create(GraphProtoSchema, { name: 'decoder' }),
  }
}
