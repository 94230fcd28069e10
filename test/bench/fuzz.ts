import { startFuzz } from '../support/fuzz/start-fuzz.ts'
import { poll } from '../support/poll.ts'
import { atMost, type Bench } from './bench-definition.ts'
import { laneBytes, residentBytes } from './servers/memory.ts'

/** Requests in all; each tenth of them is drawn from a seed of its own. */
const total = 20_000
const parts = 10

export const fuzz: Bench = {
  name: 'fuzz',
  description: `${total} random requests on every route, 16 at a time: answers that are faults of the server, and what it holds after the last tenth, against after the third`,
  run: async ({ isTrial }) => {
    const { server, fuzz } = await startFuzz()
    const holds: { readonly bytes: number; readonly handles: number }[] = []
    const statuses: Record<number, number> = {}
    const faults: string[] = []
    for (let part = 0; part < parts; part++) {
      const fuzzed = await fuzz({ seed: part, count: total / parts / (isTrial ? 10 : 1) })
      faults.push(...fuzzed.faults)
      for (const [status, count] of Object.entries(fuzzed.statuses))
        statuses[Number(status)] = (statuses[Number(status)] ?? 0) + count
      // Until the last connections are closed.
      let before = Number.POSITIVE_INFINITY
      const isSettled = (handles: number) => {
        const isLast = handles >= before
        before = handles
        return isLast
      }
      const handles = await poll(() => openFiles(server.url), isSettled)
      const bytes = residentBytes(server.pid) + laneBytes(server.pid)
      holds.push({ bytes: bytes / 2 ** 20, handles })
    }
    await server.stop()
    process.stderr.write(`  answers by status: ${JSON.stringify(statuses)}\n`)
    for (const fault of new Set(faults)) process.stderr.write(`  ${fault}\n`)
    const [early, late] = [holds[2] ?? { bytes: 0, handles: 0 }, holds.at(-1) ?? { bytes: 0, handles: 0 }]
    const grown = { ours: late.bytes, theirs: early.bytes, ratio: late.bytes / early.bytes }
    return [
      atMost('fuzz', 'faults', { ours: faults.length, theirs: 0 }, 0),
      atMost('fuzz', 'MB of the server and its lanes', grown, 1.1, '×'),
      atMost(
        'fuzz',
        'open files and sockets',
        { ours: late.handles, theirs: early.handles, ratio: late.handles - early.handles },
        4,
        ' more',
      ),
    ]
  },
}

async function openFiles(url: URL): Promise<number> {
  const text = await (await fetch(new URL('metrics', url))).text()
  return Number(/^process_open_fds (\d+)$/m.exec(text)?.[1] ?? Number.NaN)
}
