import { intOf } from '../graph/attributes.ts'
import { DataType } from '../onnx/data-type.ts'
import { broadcast, type InferenceRule, isIntegers, type KnownValue, known } from './known.ts'

const same: InferenceRule = (_node, [input]) => [known(input?.type ?? 0, input?.shape)]

const identity: InferenceRule = (_node, [input]) => (input ? [input] : [])

const cast: InferenceRule = (node, [input]) => {
  const type = intOf(node, 'to', DataType.UNDEFINED)
  return [known(type, input?.shape, isIntegers(type) ? input?.ints : undefined)]
}

const logical: InferenceRule = (_node, inputs) => [
  known(DataType.BOOL, broadcast(inputs.map((input) => input?.shape))),
]

const spread: InferenceRule = (_node, inputs) => [
  known(inputs[0]?.type ?? 0, broadcast(inputs.map((input) => input?.shape))),
]

/** Models exported from PyTorch compute shapes by arithmetic. */
const arithmetic =
  (apply: (a: number, b: number) => number): InferenceRule =>
  (_node, inputs) => {
    const shape = broadcast(inputs.map((input) => input?.shape))
    const [a, b] = inputs
    return [known(a?.type ?? 0, shape, combine(a, b, apply))]
  }

function combine(
  a: KnownValue | undefined,
  b: KnownValue | undefined,
  apply: (a: number, b: number) => number,
): readonly number[] | undefined {
  const [left, right] = [a?.ints, b?.ints]
  if (!left || !right) return undefined
  const length = Math.max(left.length, right.length)
  if (![1, length].includes(left.length) || ![1, length].includes(right.length)) return undefined
  const at = (list: readonly number[], index: number) => list[list.length === 1 ? 0 : index] ?? Number.NaN
  return Array.from({ length }, (_, index) => apply(at(left, index), at(right, index)))
}

const equal: InferenceRule = (_node, inputs) => {
  const [a, b] = inputs
  const ints = combine(a, b, (left, right) => Number(left === right))
  return [known(DataType.BOOL, broadcast([a?.shape, b?.shape]), ints)]
}

const where: InferenceRule = (_node, inputs) => {
  const [condition, yes, no] = inputs
  const shape = broadcast(inputs.map((input) => input?.shape))
  const chosen = condition?.ints?.map((one, index) => (one ? pick(yes, index) : pick(no, index)))
  return [known(yes?.type ?? no?.type ?? 0, shape, chosen)]
}

const pick = (from: KnownValue | undefined, index: number): number =>
  from?.ints?.[from.ints.length === 1 ? 0 : index] ?? Number.NaN

const named = (names: string, rule: InferenceRule): [string, InferenceRule][] =>
  names.split(' ').map((name) => [name, rule])

export const elementwise: readonly [string, InferenceRule][] = [
  ...named(
    'Abs Acos Acosh Asin Asinh Atan Atanh BitwiseNot Ceil Celu Clip Cos Cosh CumSum Dropout Elu Erf Exp Floor Gelu HardSigmoid HardSwish Hardmax LeakyRelu Log LogSoftmax LRN LpNormalization MeanVarianceNormalization Mish Neg Reciprocal Relu Round Selu Shrink Sigmoid Sign Sin Sinh Softmax Softplus Softsign Sqrt Swish Tan Tanh ThresholdedRelu Trilu',
    same,
  ),
  ...named(
    'BatchNormalization InstanceNormalization GroupNormalization LayerNormalization RMSNormalization',
    same,
  ),
  ...named('ScatterElements ScatterND Scatter ReverseSequence', same),
  ['Identity', identity],
  ['Cast', cast],
  ...named('And Or Xor Less LessOrEqual Greater GreaterOrEqual', logical),
  ...named('Not IsNaN IsInf', logical),
  ['Equal', equal],
  ['Where', where],
  ['Add', arithmetic((a, b) => a + b)],
  ['Sub', arithmetic((a, b) => a - b)],
  ['Mul', arithmetic((a, b) => a * b)],
  ['Div', arithmetic((a, b) => Math.trunc(a / b))],
  ['Max', arithmetic(Math.max)],
  ['Min', arithmetic(Math.min)],
  ...named('Pow Mod PRelu Sum Mean BitwiseAnd BitwiseOr BitwiseXor BitShift', spread),
]
