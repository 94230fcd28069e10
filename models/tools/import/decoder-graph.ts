import { type Builder, createBuilder } from '../graph/builder.ts'
import { contrib } from '../graph/node.ts'
import type { Model } from '../onnx/model.ts'
import { int64Weight, type Weight } from '../onnx/weight.ts'
import type { Projection } from './checkpoint.ts'
import { asFloats, type FloatType, transposed } from './transform.ts'

/** The residual stream between layers: a sum, and a term that is still to be added to it. */
export interface Stream {
  readonly sum: string
  readonly added?: string
}

/** Writes the graph of a decoder. */
export interface DecoderGraph {
  readonly builder: Builder
  /** Adds a weight in the graph's float type and returns its name. */
  weight(weight: Weight, name: string): string
  project(projection: Projection, input: string, output: string, name: string): string
  /** Multiplies with the embedding's own table (tied weights). */
  tied(table: string, input: string, output: string): void
  normalized(stream: Stream, gain: Weight, name: string): { readonly output: string; readonly sum: string }
  /** Normalises each head. */
  headsNormalized(input: string, gain: Weight, headSize: number, name: string): string
}

export function createDecoderGraph(model: Model, type: FloatType, epsilon: number): DecoderGraph {
  const builder = createBuilder(model)
  const weight = (one: Weight, name: string) => builder.weight(asFloats(one, name, type))
  const attributes = { epsilon: { float: epsilon } }
  let bySize: { readonly size: number; readonly apart: string; readonly together: string } | undefined
  return {
    builder,
    weight,
    project: ({ weight: matrix, bias }, input, output, name) => {
      const product = bias === undefined ? output : `${output}_product`
      builder.node({
        op: 'MatMul',
        inputs: [input, weight(transposed(matrix), `${name}.weight`)],
        outputs: [product],
      })
      if (bias)
        builder.node({ op: 'Add', inputs: [product, weight(bias, `${name}.bias`)], outputs: [output] })
      return output
    },
    tied: (table, input, output) => {
      builder.node({
        op: 'Transpose',
        inputs: [table],
        outputs: ['embedding_turned'],
        attributes: { perm: [1, 0] },
      })
      builder.node({ op: 'MatMul', inputs: [input, 'embedding_turned'], outputs: [output] })
    },
    normalized: ({ sum, added }, gain, name) => {
      const gains = weight(gain, `${name}.weight`)
      if (added === undefined) {
        builder.node({
          op: 'SimplifiedLayerNormalization',
          inputs: [sum, gains],
          outputs: [name],
          attributes: { ...attributes, axis: -1 },
        })
        return { output: name, sum }
      }
      builder.node({
        op: 'SkipSimplifiedLayerNormalization',
        domain: contrib,
        inputs: [sum, added, gains],
        outputs: [name, '', '', `${name}.sum`],
        attributes,
      })
      return { output: name, sum: `${name}.sum` }
    },
    headsNormalized: (input, gain, headSize, name) => {
      bySize ??= {
        size: headSize,
        apart: builder.weight(int64Weight('heads_apart', [0, 0, -1, headSize])),
        together: builder.weight(int64Weight('heads_together', [0, 0, -1])),
      }
      const gains = weight(gain, `${name}.weight`)
      builder.node({ op: 'Reshape', inputs: [input, bySize.apart], outputs: [`${name}.apart`] })
      builder.node({
        op: 'SimplifiedLayerNormalization',
        inputs: [`${name}.apart`, gains],
        outputs: [`${name}.normalized`],
        attributes: { ...attributes, axis: -1 },
      })
      builder.node({ op: 'Reshape', inputs: [`${name}.normalized`, bySize.together], outputs: [name] })
      return name
    },
  }
}
