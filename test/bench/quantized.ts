import { emptyFolder } from '../support/test-models.ts'
import { pairs } from '../tools/support/quantized-pairs.ts'
import { type Bench, type Comparison, faster } from './bench-definition.ts'
import type {} from './page/main.ts'

const rounds = 60

/** Two runs of the same graph differ by so much. Both sides run the same graph where weights are unpacked at load. */
const noise = 0.02

export const quantized: Bench = {
  name: 'quantized',
  description:
    'one row through models quantized for WASM, against the same models in floats, in Chromium with one thread, ms of the runs alone',
  run: async ({ openPage }) => {
    const page = await openPage()
    const results: Comparison[] = []
    for (const [name, make] of Object.entries(pairs)) {
      const { full, small, precision, input } = await make(await emptyFolder(), 'wasm')
      const files = { full: `quantized/${name}/full.onnx`, small: `quantized/${name}/small.onnx` }
      await page.route(`**/${files.full}`, (route) => route.fulfill({ path: full }))
      await page.route(`**/${files.small}`, (route) => route.fulfill({ path: small }))
      const times = await page.evaluate(
        ([files, { type, shape }, rounds]) => window.bench.quantized(files, type, shape, rounds),
        [files, input, rounds] as const,
      )
      results.push(faster('quantized', `${name} ${precision}`, times, 1 - noise))
    }
    return results
  },
}
