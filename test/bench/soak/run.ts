/**
 * npm run soak [-- --minutes N]: asks a built server for everything at once, and tells whether the memory of the server
 * and of its lanes is flat after the warm-up. Exits with 1 where it is not, or where an answer was not as expected.
 */
import { parseArgs } from 'node:util'
import { startServer, type TestServer } from '../../support/server.ts'
import { embedderFolder } from '../../support/write-model.ts'
import { percentile } from '../bench-definition.ts'
import { childrenOf } from '../servers/cpu-time.ts'
import { laneBytes, residentBytes } from '../servers/memory.ts'
import { startMixedLoad } from './mixed-load.ts'

/** The part of the time in which memory may grow to its size. */
const warmUp = 0.25
const sampleMs = 10_000
/** How much later memory may differ from earlier. */
const tolerance = 0.05

const { values } = parseArgs({ options: { minutes: { type: 'string', default: '10' } } })
const totalMs = Number(values.minutes) * 60_000

const measures = ['heap', 'server', 'lane'] as const
/** MB of the objects on the server's heap, of its process, and of the mean lane: their number follows the load. */
type Sample = Record<(typeof measures)[number], number>

async function sample({ url, pid }: TestServer): Promise<Sample> {
  const metrics = await (await fetch(new URL('metrics', url))).text()
  const heap = Number(/^nodejs_heap_size_used_bytes (\S+)$/m.exec(metrics)?.[1] ?? Number.NaN)
  return {
    heap: heap / 2 ** 20,
    server: residentBytes(pid) / 2 ** 20,
    lane: laneBytes(pid) / childrenOf(pid).length / 2 ** 20,
  }
}

const print = (...cells: readonly (string | number)[]) =>
  process.stdout.write(
    `${cells.map((cell) => (typeof cell === 'number' ? cell.toFixed(1) : cell).padStart(10)).join('')}\n`,
  )

const server = await startServer({ SPILLWAY_MODELS: await embedderFolder() })
server.dropLog()
const load = startMixedLoad(server.url)
const samples: Sample[] = []
print('seconds', 'answers', 'heap MB', 'server MB', 'lane MB')
const since = performance.now()
for (let at = sampleMs; at <= totalMs; at += sampleMs) {
  await new Promise((resolve) => setTimeout(resolve, since + at - performance.now()))
  const one = await sample(server)
  samples.push(one)
  const answers = [...load.answered.values()].reduce((sum, count) => sum + count, 0)
  print(String(at / 1_000), String(answers), one.heap, one.server, one.lane)
}
await load.stop()
const code = await server.stop()

const steady = samples.slice(Math.floor(samples.length * warmUp))
const half = Math.floor(steady.length / 2)
let isFlat = true
for (const measure of measures) {
  // Garbage comes and goes: what is left after its collection is in the lower quarter.
  const of = (part: readonly Sample[]) =>
    percentile(
      part.map((one) => one[measure]),
      0.25,
    )
  const [early, late] = [of(steady.slice(0, half)), of(steady.slice(-half))]
  const growth = late / early - 1
  if (!(Math.abs(growth) <= tolerance)) isFlat = false
  process.stdout.write(
    `${measure}: ${early.toFixed(1)} MB, later ${late.toFixed(1)} MB: ${(100 * growth).toFixed(1)} %, to reach ±${100 * tolerance} %\n`,
  )
}
for (const [name, count] of load.answered) process.stdout.write(`${name}: ${count}\n`)
const { unexpected } = load
process.stdout.write(`${unexpected.length} unexpected answers ${unexpected.slice(0, 10).join('; ')}\n`)
process.exit(isFlat && unexpected.length === 0 && code === 0 ? 0 : 1)
