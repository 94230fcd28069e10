/**
 * npm run bench:gpu [-- --software]: what a GPU gives against the CPU beside it, in Chromium and in Node, on a Linux
 * machine that has one; writes RESULTS.gpu.md. `--software` tries the script out where there is none.
 */
import { parseArgs } from 'node:util'
import { testModels, withoutTestModels } from '../../support/test-models.ts'
import { inChromium } from './chromium.ts'
import { inNode } from './node.ts'
import { printRows, writeRows } from './report.ts'
import { models, smallModels } from './row.ts'

const { values } = parseArgs({ options: { software: { type: 'boolean', default: false } } })
if (withoutTestModels !== undefined || testModels === undefined) {
  process.stderr.write(`bench:gpu: ${withoutTestModels}\n`)
  process.exit(2)
}
const chosen = values.software ? smallModels : models
const chromium = await inChromium(chosen, values.software)
const rows = [...chromium.rows, ...(await inNode(testModels, chosen))]
printRows(rows)
if (!values.software) await writeRows(chromium.device, rows)
process.exit(0)
