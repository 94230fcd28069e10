/**
 * npm run bench:gpu [-- --software] [--webllm-library FILE]: compares a Linux machine's GPU with its CPU, in Chromium and in
 * Node, and texts on it with those of transformers.js, WebLLM and a bare loop, and writes RESULTS.gpu.md. `--software` tries
 * the script on a machine without a GPU and writes nothing.
 */
import { parseArgs } from 'node:util'
import { messageOf } from '../../../models/core/index.ts'
import { testModels, withoutTestModels } from '../../support/test-models.ts'
import { fullAmount, smallAmount, upTo } from './amounts.ts'
import { timeInChromium } from './chromium.ts'
import { qwen, tiny } from './models/sizes.ts'
import { timeInNode } from './node.ts'
import { timeStreamsInNode } from './node-streams.ts'
import { printTables, writeTables } from './report.ts'
import { models, smallModels } from './row.ts'
import { rowsOf } from './stream-row.ts'
import { tell } from './tell.ts'
import type { Streams } from './time-streams.ts'
import { findLibrary } from './webllm/library.ts'

const { values } = parseArgs({
  options: { software: { type: 'boolean', default: false }, 'webllm-library': { type: 'string' } },
})
const { software: isSoftware, 'webllm-library': given } = values
if (withoutTestModels !== undefined || testModels === undefined) {
  process.stderr.write(`bench:gpu: ${withoutTestModels}\n`)
  process.exit(2)
}

/** WebLLM's library; undefined where WebLLM is left out. */
async function webLlmLibrary(hasHalves: boolean) {
  if (isSoftware) {
    tell(
      'WebLLM is left out: the sizes of its model are compiled into its library, and are too large for software',
    )
    return undefined
  }
  try {
    return await findLibrary(hasHalves, given)
  } catch (cause) {
    if (given !== undefined) throw cause
    tell(`WebLLM is left out, because its library is not given and cannot be fetched: ${messageOf(cause)}`)
    return undefined
  }
}

const chosen = isSoftware ? smallModels : models
const sizes = isSoftware ? tiny : qwen
const amount = isSoftware ? smallAmount : fullAmount
const chromium = await timeInChromium({
  models: chosen,
  isSoftware,
  sizes,
  amount,
  findLibrary: webLlmLibrary,
})

const rows = [...chromium.rows]
const inNode = new Map<string, readonly Streams[]>()
let hasFailed = false
try {
  rows.push(...(await timeInNode(testModels, chosen)))
  for (const [{ id, isPaged }] of chromium.streams) {
    // Lanes in Node run no paged graphs.
    if (isPaged) continue
    inNode.set(id, await timeStreamsInNode(chromium.textModels, sizes.id, id, upTo(32, amount)))
  }
} catch (cause) {
  hasFailed = !isSoftware
  tell(`Node has no GPU here${isSoftware ? ', not in software either' : ''}: ${messageOf(cause)}`)
}

const streams = chromium.streams.flatMap(([{ id }, sides]) =>
  rowsOf(id, { ...sides, node: inNode.get(id) ?? [] }),
)
printTables(rows, streams)
if (!isSoftware && !hasFailed) await writeTables(chromium.device, rows, streams)
process.exit(hasFailed ? 1 : 0)
