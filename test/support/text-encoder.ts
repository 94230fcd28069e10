import { DataType } from '../../models/tools/onnx/data-type.ts'
import { encode, modelProto, value } from '../tools/support/build.ts'
import { randomTensor } from '../tools/support/network.ts'
import { attention, attentionMask, float, ints, joinParts, type Part, project, step } from './attention.ts'

export interface EncoderShape {
  readonly vocabulary: number
  readonly width: number
  readonly heads: number
  readonly layers: number
  /** The longest text, in tokens. */
  readonly context: number
}

/** A BERT of random weights, node for node like the hub's exports. */
export function textEncoder(shape: EncoderShape): Uint8Array {
  const { vocabulary, width, layers, context } = shape
  const seeds = counter()
  const { nodes, tensors } = joinParts(
    attentionMask(shape),
    {
      nodes: [
        { op: 'Gather', inputs: ['words', 'input_ids'], outputs: ['word'] },
        { op: 'Gather', inputs: ['sentences', 'token_type_ids'], outputs: ['sentence'] },
        { op: 'Shape', inputs: ['input_ids'], outputs: ['sizes'] },
        { op: 'Slice', inputs: ['sizes', 'from', 'to'], outputs: ['length'] },
        { op: 'Slice', inputs: ['positions', 'zero', 'length'], outputs: ['position'] },
        { op: 'Add', inputs: ['word', 'sentence'], outputs: ['placeless'] },
        { op: 'Add', inputs: ['placeless', 'position'], outputs: ['embedded'] },
      ],
      tensors: [
        randomTensor('words', [vocabulary, width], 1, seeds()),
        randomTensor('sentences', [2, width], 0.1, seeds()),
        randomTensor('positions', [context, width], 0.3, seeds()),
        ints('zero', [0]),
        ints('from', [1]),
        ints('to', [2]),
        float('half', 0.5),
        float('root', Math.SQRT2),
      ],
    },
    norm('embedded', 'layer.0', width, seeds),
    ...Array.from({ length: layers }, (_, layer) =>
      encoderLayer(
        `layer.${layer}`,
        layer + 1 === layers ? 'last_hidden_state' : `layer.${layer + 1}`,
        shape,
        seeds,
      ),
    ),
  )
  const ids = (name: string) => value(name, ['batch_size', 'sequence_length'], DataType.INT64)
  return encode(
    modelProto({
      nodes,
      tensors,
      inputs: [ids('input_ids'), ids('attention_mask'), ids('token_type_ids')],
      outputs: [value('last_hidden_state', ['batch_size', 'sequence_length', width])],
    }),
  )
}

function encoderLayer(input: string, output: string, { width }: EncoderShape, seeds: () => number): Part {
  const own = (name: string) => `${input}.${name}`
  const dense = (from: string, to: string, taken: number, given: number) =>
    linear(from, own(to), taken, given, seeds)
  return joinParts(
    dense(input, 'query', width, width),
    dense(input, 'key', width, width),
    dense(input, 'value', width, width),
    attention(own('query'), own('key'), own('value'), own('together')),
    dense(own('together'), 'mixed', width, width),
    step({ op: 'Add', inputs: [own('mixed'), input], outputs: [own('attended')] }),
    norm(own('attended'), own('between'), width, seeds),
    dense(own('between'), 'up', width, width * 4),
    gelu(own('up'), own('bent')),
    dense(own('bent'), 'down', width * 4, width),
    step({ op: 'Add', inputs: [own('down'), own('between')], outputs: [own('sum')] }),
    norm(own('sum'), output, width, seeds),
  )
}

const linear = (input: string, output: string, from: number, to: number, seeds: () => number): Part =>
  joinParts(project(input, `${output}.product`, from, to, seeds()), {
    nodes: [{ op: 'Add', inputs: [`${output}.bias`, `${output}.product`], outputs: [output] }],
    tensors: [randomTensor(`${output}.bias`, [to], 0.1, seeds())],
  })

function norm(input: string, output: string, width: number, seeds: () => number): Part {
  const [scale, shift] = [`${output}.norm.weight`, `${output}.norm.bias`]
  return {
    nodes: [
      {
        op: 'LayerNormalization',
        inputs: [input, scale, shift],
        outputs: [output],
        attributes: { axis: -1, epsilon: { float: 1e-12 } },
      },
    ],
    tensors: [randomTensor(scale, [width], 1, seeds()), randomTensor(shift, [width], 0.1, seeds())],
  }
}

const gelu = (input: string, output: string): Part =>
  step(
    { op: 'Div', inputs: [input, 'root'], outputs: [`${output}.scaled`] },
    { op: 'Erf', inputs: [`${output}.scaled`], outputs: [`${output}.erf`] },
    { op: 'Add', inputs: [`${output}.erf`, 'one'], outputs: [`${output}.share`] },
    { op: 'Mul', inputs: [input, `${output}.share`], outputs: [`${output}.twice`] },
    { op: 'Mul', inputs: [`${output}.twice`, 'half'], outputs: [output] },
  )

const counter = () => {
  let count = 0
  return () => ++count
}
