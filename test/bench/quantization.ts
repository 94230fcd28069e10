/** npm run quantization: prints the table of models/README.md as Markdown, measured by `spillway compare`. */

import type { ComparisonReport } from '../../models/cli/output/compare.ts'
import { showBytes, showMs } from '../../models/cli/output/units.ts'
import { emptyFolder, withoutTestModels } from '../support/test-models.ts'
import { spillwayJson } from '../tools/support/command.ts'
import { pairs } from '../tools/support/quantized-pairs.ts'

if (withoutTestModels !== undefined) throw new Error(withoutTestModels)

/** A machine without an adapter has no WebGPU figure. */
function withoutAdapter(cause: unknown): undefined {
  if (!String(cause).includes('adapter')) throw cause
}

const ratio = (a: number, b: number) => `${showMs(b)} (${(b / a).toFixed(2)}×)`

process.stdout.write(
  '| model | variant | made for | size | cosine of the answers | same top answer | CPU | WASM | WebGPU |\n' +
    '| --- | --- | --- | --- | --- | --- | --- | --- | --- |\n',
)
for (const [name, make] of Object.entries(pairs)) {
  for (const backend of ['wasm', 'webgpu'] as const) {
    const { full, small, precision, samples } = await make(await emptyFolder(), backend)
    const given = samples === undefined ? [] : ['--samples', samples]
    const compare = (on: string) =>
      spillwayJson<ComparisonReport>('compare', full, small, '--on', on, ...given)
    const { a, b, outputs, times } = await compare('cpu,wasm')
    const onGpu = await compare('webgpu').catch(withoutAdapter)
    const same = outputs.flatMap(({ top }) =>
      top === null ? [] : [`${((100 * top.same) / top.of).toFixed(1)}%`],
    )
    const cells = [
      name,
      precision,
      backend === 'wasm' ? 'WASM, CPU' : 'WebGPU',
      `${showBytes(b.bytes)} (${(b.bytes / a.bytes).toFixed(2)}×)`,
      Math.min(...outputs.map(({ cosine }) => cosine)).toFixed(5),
      same[0] ?? '',
      ...[...times, ...(onGpu?.times ?? [])].map((time) => ratio(time.a, time.b)),
      ...(onGpu ? [] : ['']),
    ]
    process.stdout.write(`| ${cells.join(' | ')} |\n`)
  }
}
process.exit(0)
