import { createRuntime, type Model, SpillwayError } from '../../../web/api/index.ts'

import { base } from './time.ts'

export const row = () => Int32Array.from({ length: 2_048 }, () => Math.floor(Math.random() * 257))

export interface Load {
  /** Milliseconds that each answered request took. */
  readonly times: readonly number[]
  readonly lost: number
  /** Of all that were answered, those that the server did. */
  readonly serverShare: number
}

/** Requests a second that the device does when it is always asked for more. */
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

/** Offers so many requests a second, whether they are answered or not. */
async function offer(
  model: Model,
  perSecond: number,
  ms: number,
  options: { policy: 'auto' | 'device'; deadlineMs: number },
): Promise<Load> {
  const times: number[] = []
  let lost = 0
  let server = 0
  const one = async () => {
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
    while (all.length < due) all.push(one())
    await new Promise((resolve) => setTimeout(resolve, 4))
  }
  await Promise.all(all)
  return { times, lost, serverShare: server / Math.max(1, times.length) }
}

/** Three times what the device can do, with a server beside it and without. */
export async function spill(deadlineMs: number) {
  // One lane, on one of two cores: the server has the other.
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
