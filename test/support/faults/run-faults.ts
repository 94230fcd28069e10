import { messageOf } from '../../../models/core/index.ts'
import { poll } from '../poll.ts'
import { seeded } from '../seeded.ts'
import type { TestServer } from '../server.ts'
import { type FaultKind, faultKinds } from './faults.ts'
import type { FaultyServer } from './start-server.ts'
import { type Outcomes, startVerifiedLoad } from './verified-load.ts'

export interface FaultsReport extends Outcomes {
  /** How often each fault was made. */
  readonly made: Readonly<Record<string, number>>
  /** What faults found that should not be. */
  readonly complaints: readonly string[]
  /** Milliseconds from the stop of a lane to its end, for each. */
  readonly hungMs: readonly number[]
}

/** Makes random faults, one after the other, while runs and texts are asked for. */
export async function runFaults(
  { server, engines }: FaultyServer,
  seed: number,
  count: number,
): Promise<FaultsReport> {
  const random = seeded(seed)
  const load = await startVerifiedLoad(server.url)
  const made: Record<string, number> = {}
  const complaints: string[] = []
  const hungMs: number[] = []
  for (const kind of scheduleOf(count, random)) {
    const since = performance.now()
    try {
      await inTime(kind.make({ server, engines, random }))
      made[kind.name] = (made[kind.name] ?? 0) + 1
      if (kind.name === 'lane stopped') hungMs.push(performance.now() - since)
    } catch (cause) {
      complaints.push(`${kind.name}: ${messageOf(cause)}`)
    }
    // A request that loses two lanes is refused.
    if (kind.endsLane) await load.settled()
  }
  const outcomes = await load.stop()
  complaints.push(...(await leftovers(server)))
  return { ...outcomes, made, complaints, hungMs }
}

/** Milliseconds within which a fault has to pass. */
const withinMs = 60_000

async function inTime(work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('It has not passed in time')), withinMs)
  })
  await Promise.race([work, late]).finally(() => clearTimeout(timer))
}

/** All kinds in turn, in an order of their own each time. */
function scheduleOf(count: number, random: () => number): FaultKind[] {
  const schedule: FaultKind[] = []
  while (schedule.length < count)
    schedule.push(
      ...faultKinds
        .map((kind) => ({ kind, at: random() }))
        .sort((one, other) => one.at - other.at)
        .map(({ kind }) => kind),
    )
  return schedule.slice(0, count)
}

/** What still waits or runs although nobody asks any more, and faults in the log. */
async function leftovers({ url, log }: TestServer): Promise<string[]> {
  const busy = /^(?:nv_inference_pending_request_count|vllm:num_requests_(?:running|waiting))\{.*\} [^0].*$/gm
  const read = async () => (await (await fetch(new URL('metrics', url))).text()).match(busy) ?? []
  const left = await poll<readonly string[]>(read, ({ length }) => length === 0)
  const stacks = log
    .filter(({ err }) => err !== undefined)
    .map((line) => `The log has ${JSON.stringify(line)}`)
  return [...left, ...stacks]
}
