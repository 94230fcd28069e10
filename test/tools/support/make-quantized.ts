/** For each message: quantizes a model for a backend, and answers with the file and what it and the full one answer on this machine's CPU. */
import { readFileSync } from 'node:fs'
import type { InspectReport, ValueReport } from '../../../models/tools/inspect/report.ts'
import { readModel } from '../../../models/tools/onnx/read.ts'
import type { TargetBackend } from '../../../models/tools/quantize/target.ts'
import { ortRuntime } from '../../../models/tools/run-model/ort.ts'
import { randomSamples } from '../../../models/tools/run-model/random-samples.ts'
import { readSamples } from '../../../models/tools/run-model/read-samples.ts'
import type { Tensors } from '../../../models/tools/run-model/runtime.ts'
import { emptyFolder } from '../../support/test-models.ts'
import { spillwayJson } from './command.ts'
import { pairs } from './quantized-pairs.ts'

const specs = (values: readonly ValueReport[]) =>
  values.map(({ name, type, shape }) => ({
    name,
    type,
    shape: shape?.map((size) => (typeof size === 'number' ? size : -1)),
  }))

async function answersOf(path: string, samples: readonly Tensors[]): Promise<Record<string, number[]>[]> {
  const runnable = await ortRuntime.load(path, { backend: 'cpu', threads: 1 })
  const all: Record<string, number[]>[] = []
  for (const sample of samples) {
    const outputs = Object.entries(await runnable.run(sample))
    all.push(Object.fromEntries(outputs.map(([key, { data }]) => [key, Array.from(data, Number)])))
  }
  await runnable.release()
  return all
}

async function makeQuantized(name: string, backend: TargetBackend) {
  const make = pairs[name]
  if (!make) throw new Error(`There is no "${name}"`)
  const { full, small, input, samples: file } = await make(await emptyFolder(), backend)
  const report = await spillwayJson<InspectReport>('inspect', small)
  const model = readModel(small)
  const rows = [3, ...input.shape.slice(1)]
  const samples = file ? readSamples(model, file) : randomSamples(model, new Map([[input.name, rows]]), 1)
  const [answers, fullAnswers] = [await answersOf(small, samples), await answersOf(full, samples)]
  return {
    graph: readFileSync(small, 'base64'),
    inputs: specs(report.inputs),
    outputs: specs(report.outputs),
    samples: samples.map((sample, index) => ({
      name: input.name,
      type: input.type,
      shape: sample[input.name]?.shape,
      data: Array.from(sample[input.name]?.data ?? [], Number),
      answers: answers[index],
      fullAnswers: fullAnswers[index],
    })),
  }
}

process.on('message', async ({ name, backend }: { name: string; backend: TargetBackend }) => {
  process.send?.(await makeQuantized(name, backend))
})
