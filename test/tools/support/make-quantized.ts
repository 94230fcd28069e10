/** Quantizes a model for a backend, and ends with the file and what it answers on this machine's CPU, as JSON. */
import { readFileSync } from 'node:fs'
import type { InspectReport, ValueReport } from '../../../models/tools/inspect/report.ts'
import { readModel } from '../../../models/tools/onnx/read.ts'
import type { TargetBackend } from '../../../models/tools/quantize/target.ts'
import { ortRuntime } from '../../../models/tools/run/ort.ts'
import { randomSamples } from '../../../models/tools/run/random-samples.ts'
import { emptyFolder } from '../../support/test-models.ts'
import { spillwayJson } from './command.ts'
import { pairs } from './quantized-pairs.ts'

const [name = '', backend] = process.argv.slice(2)
const make = pairs[name]
if (!make || (backend !== 'wasm' && backend !== 'webgpu')) throw new Error(`There is no "${name}"`)
const { small, input } = await make(await emptyFolder(), backend satisfies TargetBackend)
const report = await spillwayJson<InspectReport>('inspect', small)
const specs = (values: readonly ValueReport[]) =>
  values.map(({ name, type, shape }) => ({
    name,
    type,
    shape: shape?.map((size) => (typeof size === 'number' ? size : -1)),
  }))
const rows = [3, ...input.shape.slice(1)]
const [sample = {}] = randomSamples(readModel(small), new Map([[input.name, rows]]), 1)
const runnable = await ortRuntime.load(small, { backend: 'cpu', threads: 1 })
const outputs = await runnable.run(sample)
await runnable.release()
process.stdout.write(
  JSON.stringify({
    graph: readFileSync(small, 'base64'),
    inputs: specs(report.inputs),
    outputs: specs(report.outputs),
    sample: {
      name: input.name,
      type: input.type,
      shape: rows,
      data: Array.from(sample[input.name]?.data ?? [], Number),
    },
    answers: Object.fromEntries(
      Object.entries(outputs).map(([key, { data }]) => [key, Array.from(data, Number)]),
    ),
  }),
)
