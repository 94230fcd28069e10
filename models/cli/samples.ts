import { InvalidArgumentError, Option } from 'commander'
import type { Model } from '../tools/onnx/model.ts'
import { randomSamples } from '../tools/run-model/random-samples.ts'
import { readSamples } from '../tools/run-model/read-samples.ts'
import { backends, type Tensors, type ToolBackend } from '../tools/run-model/runtime.ts'
import type { InputShapes } from '../tools/shape-inference/infer-shapes.ts'

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

export interface ChosenSamples {
  readonly samples: readonly Tensors[]
  /** Source of the samples, in words. */
  readonly from: string
}

export function chooseSamples(model: Model, path: string | undefined, shapes: InputShapes): ChosenSamples {
  if (path !== undefined) return { samples: readSamples(model, path), from: `from ${path}` }
  return { samples: randomSamples(model, shapes, randomSampleCount), from: 'of random numbers' }
}
