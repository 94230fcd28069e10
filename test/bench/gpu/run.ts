/**
 * npm run bench:gpu [-- --software] [--webllm-library FILE]: compares a Linux machine's GPU with its CPU, in Chromium and in
 * Node, and texts on it with those of transformers.js, WebLLM and a bare loop, and writes RESULTS.gpu.md. `--software` tries
 * the script on a machine without a GPU and writes nothing. It exits with 1 where one of our sides failed.
 */
import { execFileSync } from 'node:child_process'
import { parseArgs } from 'node:util'
import { messageOf } from '../../../models/core/index.ts'
import { testModels, withoutTestModels } from '../../support/test-models.ts'
import { fullAmount, smallAmount, upTo } from './amounts.ts'
import { timeInChromium } from './chromium.ts'
import { qwen, tiny } from './models/sizes.ts'
import { importTextModel } from './models/text-model.ts'
import { entriesOf, timeInNode, whyNodeHasNoGpu } from './node.ts'
import { timeStreamsInNode } from './node-streams.ts'
import { printTables, writeTables } from './report.ts'
import { models, smallModels } from './row.ts'
import { reasonOf, Sitting } from './sitting.ts'
import { rowsOf } from './stream-row.ts'
import { tell } from './tell.ts'
import type { Streams } from './time-streams.ts'
import { fetchLibrary, type Library, readLibrary } from './webllm/library.ts'

const { values } = parseArgs({
  options: { software: { type: 'boolean', default: false }, 'webllm-library': { type: 'string' } },
})
const { software: isSoftware, 'webllm-library': path } = values
if (withoutTestModels !== undefined || testModels === undefined) {
  tell(withoutTestModels ?? 'There are no test models')
  process.exit(2)
}
/** The library that is named. First of all: a wrong path fails before minutes of work. */
function readGiven(): Library | undefined {
  try {
    return path === undefined ? undefined : readLibrary(path)
  } catch (cause) {
    tell(messageOf(cause))
    process.exit(2)
  }
}

const given = readGiven()
execFileSync('npm', ['run', '--silent', 'build'], { stdio: ['ignore', 'ignore', 'inherit'] })

const sitting = new Sitting()

/** WebLLM's library; undefined where WebLLM is left out. */
async function findLibrary(hasHalves: boolean): Promise<Library | undefined> {
  const leaveOut = (reason: string) => void sitting.note(`WebLLM: left out because ${reason}`)
  if (isSoftware) {
    leaveOut('the sizes of its model are compiled into its library, and are too large for software')
    return undefined
  }
  if (given) {
    if (hasHalves || !given.needsHalves) return given
    leaveOut('the given library needs shader-f16, which the GPU does not have')
    return undefined
  }
  try {
    return await fetchLibrary(hasHalves)
  } catch (cause) {
    leaveOut(`its library is not given and cannot be fetched: ${reasonOf(cause)}`)
    return undefined
  }
}

const chosen = isSoftware ? smallModels : models
const sizes = isSoftware ? tiny : qwen
const amount = isSoftware ? smallAmount : fullAmount
const textModels = await importTextModel(sizes)
const chromium = await timeInChromium({
  models: chosen,
  textModels,
  isSoftware,
  sitting,
  sizes,
  amount,
  findLibrary,
})

const rows = [...chromium.rows]
const inNode = new Map<string, readonly Streams[]>()
const entries = await entriesOf(testModels, chosen)
const withoutGpu = entries[0] && (await whyNodeHasNoGpu(entries[0]))
if (withoutGpu === undefined) {
  rows.push(...(await timeInNode(entries, sitting)))
  const options = { sitting, textModels, model: sizes.id, amount: upTo(32, amount) }
  // Lanes in Node run no paged graphs.
  for (const [{ id, isPaged }] of chromium.streams)
    if (!isPaged) inNode.set(id, await timeStreamsInNode(id, options))
} else {
  const text = `Node has no GPU here: ${withoutGpu}`
  if (isSoftware) sitting.note(text)
  else sitting.fail(text)
}

const streams = chromium.streams.flatMap(([{ id }, sides]) =>
  rowsOf(id, { ...sides, node: inNode.get(id) ?? [] }),
)
const figures = { rows, streams, notes: sitting.notes }
printTables(figures)
if (!isSoftware) await writeTables(chromium.device, figures)
process.exit(sitting.hasFailed ? 1 : 0)
