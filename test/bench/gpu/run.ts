/**
 * npm run bench:gpu [-- --software]: compares a Linux machine's GPU with its CPU, in Chromium and in Node, and texts on it
 * with those of transformers.js, and writes RESULTS.gpu.md. `--software` tries the script on a machine without a GPU and writes nothing.
 */
import { parseArgs } from 'node:util'
import { messageOf } from '../../../models/core/index.ts'
import { testModels, withoutTestModels } from '../../support/test-models.ts'
import { timeInChromium } from './chromium.ts'
import { timeInNode } from './node.ts'
import { printTables, writeTables } from './report.ts'
import { models, smallModels } from './row.ts'

const { values } = parseArgs({ options: { software: { type: 'boolean', default: false } } })
if (withoutTestModels !== undefined || testModels === undefined) {
  process.stderr.write(`bench:gpu: ${withoutTestModels}\n`)
  process.exit(2)
}
const chosen = values.software ? smallModels : models
const chromium = await timeInChromium(chosen, values.software)
const inNode = await timeInNode(testModels, chosen).catch((cause: unknown) => {
  if (!values.software) throw cause
  process.stderr.write(`bench:gpu: Node has no GPU here, not in software either: ${messageOf(cause)}\n`)
  return []
})
const rows = [...chromium.rows, ...inNode]
printTables(rows, chromium.streams)
if (!values.software) await writeTables(chromium.device, rows, chromium.streams)
process.exit(0)
