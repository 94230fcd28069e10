/**
 * npm run bench [-- NAME…] [--json] [--trial]: runs the named benches; without a name runs all and writes RESULTS.md.
 * With `--trial` the long ones take a tenth of their time, and nothing is written.
 */
import { parseArgs } from 'node:util'
import { testModels, withoutTestModels } from '../support/test-models.ts'
import { auth } from './auth.ts'
import { batching } from './batching.ts'
import type { Bench, Comparison, Harness } from './bench-definition.ts'
import { binary } from './binary.ts'
import { bridge } from './bridge.ts'
import { embed } from './embed.ts'
import { faults } from './faults.ts'
import { fuzz } from './fuzz.ts'
import { generateEight, generateOne, prefix, prefixShared, stepOverhead } from './generate.ts'
import { generateServer } from './generate-server.ts'
import { startHarness } from './harness.ts'
import { hostile } from './hostile.ts'
import { lanes } from './lanes.ts'
import { lookahead } from './lookahead.ts'
import { mixed } from './mixed.ts'
import { neighbours } from './neighbours.ts'
import { ort } from './ort.ts'
import { overhead } from './overhead.ts'
import { overload } from './overload.ts'
import { padding } from './padding.ts'
import { peers } from './peers.ts'
import { pipelines } from './pipelines.ts'
import { processes } from './processes.ts'
import { quantize } from './quantize.ts'
import { quantized } from './quantized.ts'
import { printTable, writeResults } from './report.ts'
import { scale } from './scale/scale.ts'
import { schema } from './schema.ts'
import { server } from './server.ts'
import { site } from './site.ts'
import { smooth } from './smooth.ts'
import { speculate } from './speculate.ts'
import { spill } from './spill.ts'
import { storeDownload, storeLoad, storePeers } from './store.ts'
import { upstream } from './upstream.ts'

const benches: readonly Bench[] = [
  batching,
  overhead,
  ort,
  lanes,
  neighbours,
  padding,
  peers,
  spill,
  bridge,
  server,
  overload,
  hostile,
  faults,
  fuzz,
  upstream,
  binary,
  auth,
  processes,
  quantize,
  quantized,
  generateOne,
  generateEight,
  lookahead,
  speculate,
  mixed,
  prefix,
  prefixShared,
  stepOverhead,
  schema,
  generateServer,
  embed,
  pipelines,
  storeLoad,
  storeDownload,
  storePeers,
  site,
  smooth,
  scale,
]

const { values, positionals } = parseArgs({
  options: { json: { type: 'boolean', default: false }, trial: { type: 'boolean', default: false } },
  allowPositionals: true,
})
const unknown = positionals.find((name) => !benches.some((bench) => bench.name === name))
if (unknown !== undefined) {
  process.stderr.write(
    `There is no bench "${unknown}". Benches: ${benches.map(({ name }) => name).join(', ')}\n`,
  )
  process.exit(2)
}
const chosen = positionals.length === 0 ? benches : benches.filter(({ name }) => positionals.includes(name))

let started: ReturnType<typeof startHarness> | undefined
/** Started by the first bench that opens a page: some need none. */
const harness: Harness = {
  openPage: async (context) => {
    started ??= startHarness()
    return (await started).openPage(context)
  },
  get models() {
    if (testModels === undefined) throw new Error(withoutTestModels)
    return testModels
  },
  isTrial: values.trial,
}
const results: Comparison[] = []
for (const bench of chosen) {
  if (!values.json) process.stderr.write(`${bench.name}: ${bench.description}\n`)
  for (const comparison of await bench.run(harness)) {
    results.push(comparison)
    if (values.json) process.stdout.write(`${JSON.stringify(comparison)}\n`)
  }
}
await (await started)?.close()
if (!values.json) printTable(results)
if (positionals.length === 0 && !values.trial) await writeResults(chosen, results)
process.exit(0)
