import { describe, expect, test } from 'vitest'
import { expose } from '../../models/tools/graph/values.ts'
import type { Model } from '../../models/tools/onnx/model.ts'
import { readModel } from '../../models/tools/onnx/read.ts'
import { ortRuntime } from '../../models/tools/run-model/ort.ts'
import { randomSamples } from '../../models/tools/run-model/random-samples.ts'
import { withLoaded } from '../../models/tools/run-model/with-loaded.ts'
import { infer } from '../../models/tools/shape-inference/infer-shapes.ts'
import { withoutTestModels } from '../support/test-models.ts'
import { nameOf, realModels } from './support/real-models.ts'

const published = withoutTestModels ? ` (ours only: ${withoutTestModels})` : ''

/** Shapes that bring a model's every part into play. */
const shapes: Readonly<Record<string, [string, readonly number[]][]>> = {
  'silero-vad/silero_vad_16k_op15.onnx': [
    ['input', [1, 576]],
    ['state', [2, 1, 128]],
  ],
  'fp32/model.onnx': [['image', [3, 1, 28, 28]]],
}

describe(`inferred shapes equal those of a run${published}`, () => {
  test.each(realModels.map((path) => [nameOf(path), path]))('%s', async (name, path) => {
    const model = readModel(path)
    const given = new Map(shapes[name] ?? [])
    const [sample = {}] = randomSamples(model, given, 1)
    const inferred = infer(model, new Map(Object.entries(sample).map(([input, { shape }]) => [input, shape])))
    const found = await shapesWhenRun(model, sample)
    const compared = [...found].map(
      ([value, shape]) => [value, inferred.get(value)?.shape ?? 'unknown', shape] as const,
    )
    const wrong = compared.filter(
      ([, inferred, shape]) => inferred !== 'unknown' && inferred.join() !== shape.join(),
    )
    expect(wrong).toEqual([])
    const unknown = compared.filter(([, inferred]) => inferred === 'unknown')
    // What an If gives depends on its condition, and with it all that follows.
    expect(unknown.length / compared.length).toBeLessThan(name.startsWith('silero') ? 0.3 : 0.001)
  })
})

async function shapesWhenRun(
  model: Model,
  sample: ReturnType<typeof randomSamples>[number],
): Promise<ReadonlyMap<string, readonly number[]>> {
  const names = model.nodes.filter(({ opType }) => opType !== 'Constant').flatMap(({ output }) => output)
  return withLoaded(ortRuntime, expose(model, names), { backend: 'cpu', threads: 1 }, async (runnable) => {
    const outputs = await runnable.run(sample)
    return new Map(Object.entries(outputs).map(([name, { shape }]) => [name, shape]))
  })
}
