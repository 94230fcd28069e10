import { describe, expect, test } from 'vitest'
import { EventClock } from '../bench/scale/event-clock.ts'
import { type DeviceClass, deviceClasses } from '../bench/scale/figures.ts'
import { type SimulationOptions, simulate } from '../bench/scale/simulate.ts'
import { Histogram } from '../bench/scale/tally.ts'
import { vision, type Workload, workloads } from '../bench/scale/workload.ts'

const minute = 60_000

/** Ten visitors a second for a minute, and too few servers for them. */
const busySite: SimulationOptions = {
  seed: 7,
  policy: 'auto',
  workloads,
  deviceClasses,
  lengthMs: minute,
  rate: () => 0.01,
  mostRate: 0.01,
  keptShare: () => 0.4,
  replicas: { cpu: 2, gpu: 2 },
  lanes: 1,
  spanMs: 0.5 * minute,
  serverRunMs: ({ runs: { cpu } }, rows) => 4 * ((cpu?.fixedMs ?? 0) + rows * (cpu?.rowMs ?? 0)),
}

const lostRegion: SimulationOptions['faults'] = [
  { ms: 0.25 * minute, happen: (fleet) => fleet.loseRegion(1) },
  { ms: 0.75 * minute, happen: (fleet) => fleet.restoreRegion(1) },
]

describe('the clock of a simulation', () => {
  test('lets every promise settle before the next event', async () => {
    const clock = new EventClock()
    const order: string[] = []
    clock.after(1, async () => {
      for (let turn = 0; turn < 10; turn++) await Promise.resolve()
      order.push('first')
      queueMicrotask(() => order.push('of the first'))
    })
    clock.after(1, () => order.push('second'))
    const cancel = clock.after(2, () => order.push('cancelled'))
    clock.after(1.5, cancel)
    clock.after(5, () => order.push('later'))
    await clock.run(4)
    expect(order).toEqual(['first', 'of the first', 'second'])
    expect(clock.now()).toBe(4)
    await clock.run(6)
    expect(order.at(-1)).toBe('later')
  })

  test('gives percentiles to 2%', () => {
    const histogram = new Histogram()
    for (let ms = 1; ms <= 1_000; ms++) histogram.add(ms)
    expect(Math.abs(histogram.percentile(0.5) / 500 - 1)).toBeLessThan(0.02)
    expect(Math.abs(histogram.percentile(0.99) / 990 - 1)).toBeLessThan(0.02)
  })
})

describe('in a simulated site', () => {
  test.each(['auto', 'server', 'device', 'prefer-server'] as const)(
    'each request settles once, whatever fails, under policy %s',
    async (policy) => {
      const failsToLoad: SimulationOptions['failsToLoad'] = (backend, ms) =>
        backend === 'webgpu' && ms > 0.5 * minute
      const { total, runs, texts, visitors } = await simulate({
        ...busySite,
        policy,
        faults: lostRegion,
        failsToLoad,
      })
      expect(visitors).toBeGreaterThan(500)
      expect(total.settled).toBe(total.asked)
      expect(runs.settled + texts.settled).toBe(total.asked)
      expect(total.asked).toBeGreaterThan(visitors)
      if (policy === 'device') expect(total.server).toBe(0)
      if (policy === 'server') expect(total.device).toBe(0)
    },
  )

  test('the same seed gives the same day, and another seed another', async () => {
    const options = { ...busySite, lengthMs: 0.3 * minute, faults: lostRegion }
    const [first, again, other] = [
      await simulate(options),
      await simulate(options),
      await simulate({ ...options, seed: 8 }),
    ]
    expect(again).toEqual(first)
    expect(other.total.asked).not.toBe(first.total.asked)
  })
})

describe('a site whose server answers all is the queue of the textbooks', () => {
  const meanMs = 100
  /** No network, one request a visitor, no shared runs. */
  const nearby: DeviceClass = {
    name: 'nearby',
    share: 1,
    gpuFactor: undefined,
    cpuFactor: 1,
    memoryBudget: 2 ** 30,
    megabits: 1_000,
    roundTripMs: 0,
  }
  const single: Workload = {
    ...vision,
    manifest: { ...vision.manifest, batchAxis: null },
    share: 1,
    requests: 1,
    deadlineMs: undefined,
  }

  test.each([
    { lanes: 1, use: 0.5 },
    { lanes: 4, use: 0.8 },
  ])('M/M/$lanes at $use of its capacity: the mean wait is what Erlang gives', async ({ lanes, use }) => {
    const rate = (lanes * use) / meanMs
    const { total } = await simulate({
      ...busySite,
      seed: 3,
      policy: 'server',
      workloads: [single],
      deviceClasses: [nearby],
      replicas: { cpu: 1, gpu: 0 },
      lanes,
      admitsAll: true,
      lengthMs: 5_000 / rate,
      rate: () => rate,
      mostRate: rate,
      serverRunMs: (_workload, _rows, random) => random.exponential(meanMs),
    })
    expect(total.settled).toBe(total.asked)
    expect(total.refused).toBe(0)
    const expected = meanMs + erlangWait(lanes, use, meanMs)
    expect(Math.abs(total.latency.mean / expected - 1)).toBeLessThan(0.05)
  })
})

/** Milliseconds that a customer of M/M/c waits on average (Erlang's C). */
function erlangWait(servers: number, use: number, meanMs: number): number {
  const offered = servers * use
  let term = 1
  let sum = 1
  for (let at = 1; at < servers; at++) {
    term *= offered / at
    sum += term
  }
  const full = (term * offered) / servers / (1 - use)
  return ((full / (sum + full)) * meanMs) / (servers * (1 - use))
}
