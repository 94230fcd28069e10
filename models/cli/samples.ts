import { InvalidArgumentError, Option } from 'commander'
import { SpillwayError } from '../core/error.ts'
import { declaredOf } from '../tools/graph/values.ts'
import type { Model } from '../tools/onnx/model.ts'
import { constantTensors, type InputValues, withValues } from '../tools/run-model/constant-inputs.ts'
import { randomSamples } from '../tools/run-model/random-samples.ts'
import { readSamples } from '../tools/run-model/read-samples.ts'
import { backends, type Tensors, type ToolBackend } from '../tools/run-model/runtime.ts'
import { type InputShapes, showShapes } from '../tools/shape-inference/infer-shapes.ts'
import { inputsWithoutTypicalSize } from '../tools/shape-inference/input-shapes.ts'

/** The files that `readSamples` takes, for help texts. */
export const samplesHelp =
  'samples: .json, .json.gz (a list of {input: numbers}) or .npy, or a folder of them'

export const samplesOption = () =>
  new Option('--samples <data>', `${samplesHelp}; made up from a seed if not given`)

export const backendsOption = () =>
  new Option('--on <backends>', `where to run, of ${backends.join(', ')}; several by commas`)
    .argParser(parseBackends)
    .default(['cpu'], 'cpu')

function parseBackends(text: string): readonly ToolBackend[] {
  return text.split(',').map((name) => {
    const found = backends.find((backend) => backend === name)
    if (found) return found
    throw new InvalidArgumentError(`The backends are ${backends.join(', ')}.`)
  })
}

const randomSampleCount = 16

/** Options of commands that run a model on samples. */
export interface SampleOptions {
  readonly samples?: string
  readonly shape: InputShapes
  readonly value: InputValues
}

export interface ChosenSamples {
  readonly samples: readonly Tensors[]
  /** Source and shapes of the samples, in words. */
  readonly from: string
}

/**
 * The samples of a file, or made-up ones.
 *
 * @throws SpillwayError `input_shape_invalid` where nothing tells the sizes of inputs that would be made up.
 */
export function chooseSamples(model: Model, { samples: path, shape, value }: SampleOptions): ChosenSamples {
  const constants = constantTensors(model, value, shape)
  const source = path === undefined ? 'of random numbers' : `from ${path}`
  if (path === undefined) checkSizes(model, shape)
  const samples =
    path === undefined
      ? randomSamples(model, shape, randomSampleCount)
      : readSamples(model, path, new Set(value.keys()))
  const all = samples.map((sample) => ({ ...constants, ...withValues(sample, value) }))
  const values = [...value].map(([name, one]) => `, ${name} = ${one}`).join('')
  return { samples: all, from: `${source}, ${shapesIn(all)}${values}` }
}

/** A picture of one pixel shows nothing of what a model does with pictures. */
function checkSizes(model: Model, given: InputShapes): void {
  const [input] = inputsWithoutTypicalSize(model, given)
  if (!input) return
  const shape = (declaredOf(input).shape ?? []).map((size) => size ?? '?')
  throw new SpillwayError('input_shape_invalid', `Made-up samples would have sizes of 1 in "${input.name}"`, {
    expected: 'sizes as the model is used with',
    got: `[${shape.join(', ')}]`,
    hint: `Give --shape ${input.name}=${shape.map((size, axis) => (typeof size === 'number' ? size : axis === 0 ? 1 : 64)).join(',')} with sizes of yours, or --samples.`,
  })
}

function shapesIn([first = {}, ...rest]: readonly Tensors[]): string {
  const shapeOf = (sample: Tensors) =>
    showShapes(new Map(Object.entries(sample).map(([name, { shape }]) => [name, shape])))
  const isVarying = rest.some((sample) => shapeOf(sample) !== shapeOf(first))
  return isVarying ? `the first ${shapeOf(first)}` : shapeOf(first)
}
