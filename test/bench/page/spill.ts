import { createRuntime, type Model, SpillwayError } from '../../../web/api/index.ts'

import { base } from './time.ts'

export const row = () => Int32Array.from({ length: 2_048 }, () => Math.floor(Math.random() * 257))

export interface Load {
  /** Milliseconds that each answered request took. */
  readonly times: readonly number[]
  readonly lost: number
  /** The server's share of the answered requests. */
  readonly serverShare: number
}

/** Requests per second that the device answers under constant load. */
async function capacityOf(model: Model, ms: number): Promise<number> {
  const until = performance.now() + ms
  let answered = 0
  const ask = async () => {
    while (performance.now() < until) {
      await model.run({ bytes: row() }, { policy: 'device' })
      answered++
    }
  }
  await Promise.all(Array.from({ length: 32 }, ask))
  return (answered * 1_000) / ms
}

/** Sends so many requests per second, whether they are answered or not. */
async function offer(
  model: Model,
  perSecond: number,
  ms: number,
  options: { policy: 'auto' | 'device'; deadlineMs: number },
): Promise<Load> {
  const times: number[] = []
  let lost = 0
  let server = 0
  const request = async () => {
    const start = performance.now()
    try {
      const { placement } = await model.run({ bytes: row() }, options)
      times.push(performance.now() - start)
      if (placement.tier === 'server') server++
    } catch (cause) {
      if (!(cause instanceof SpillwayError)) throw cause
      lost++
    }
  }
  const all: Promise<void>[] = []
  const start = performance.now()
  while (performance.now() - start < ms) {
    const due = ((performance.now() - start) / 1_000) * perSecond
    while (all.length < due) all.push(request())
    await new Promise((resolve) => setTimeout(resolve, 4))
  }
  await Promise.all(all)
  return { times, lost, serverShare: server / Math.max(1, times.length) }
}

/** Sends three times what the device can answer, with a server and without. */
export async function spill(deadlineMs: number) {
  // One lane, on one of two cores: the server uses the other.
  const runtime = await createRuntime({ server: base, policy: 'auto', maxLanes: 1 })
  const model = await runtime.model('magika')
  await model.load()
  await capacityOf(model, 1_000)
  const perSecond = await capacityOf(model, 3_000)
  const offered = 3 * perSecond
  const alone = await offer(model, offered, 5_000, { policy: 'device', deadlineMs })
  const together = await offer(model, offered, 8_000, { policy: 'auto', deadlineMs })
  runtime.close()
  return { perSecond, alone, together }
}
