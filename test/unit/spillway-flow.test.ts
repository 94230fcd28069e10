import { describe, expect, test } from 'vitest'
import type { Placement, Tier } from '../../models/core/index.ts'
import type { RuntimeStats } from '../../web/api/stats.ts'
import { FlowMeter } from '../../web/view/spillway/flow.ts'
import type { ModelStats } from '../../workers/host/scheduler/stats.ts'

const model = (times: Pick<ModelStats, 'queueMs' | 'runMs'>): ModelStats => ({
  session: 'm@1',
  queued: 0,
  requests: 1,
  rows: 1,
  batches: 1,
  meanBatch: 1,
  largestBatch: 1,
  ...times,
})

const tier = (queued: number, models: readonly ModelStats[] = []) => ({
  queued,
  models,
  maxQueued: 10,
  isSaturated: false,
  running: 0,
})

const answeredAt = (tier: Tier, requests: number) => {
  const placement: Placement = {
    tier,
    backend: 'wasm',
    variant: 'fp32',
    reason: 'spill',
    explanation: '',
  }
  return { placement, requests }
}

const statsOf = (
  device: ReturnType<typeof tier>,
  server: ReturnType<typeof tier> | null,
  placements: RuntimeStats['placements'] = [],
): RuntimeStats => ({
  device: { ...device, lanes: [], memory: { usedBytes: 0, budgetBytes: 0 } },
  server,
  placements,
})

describe('the spillway', () => {
  test('holds what waits on both tiers, and is full when the device is so late that requests spill', () => {
    const busy = tier(7, [model({ queueMs: 150, runMs: 10 }), model({ queueMs: 1, runMs: 1 })])
    const flow = new FlowMeter().read(statsOf(busy, tier(3, [model({ queueMs: 0, runMs: 60 })])), 'auto', 0)
    expect(flow).toMatchObject({ waiting: 10, deviceMs: 160, crestMs: 160, level: 1 })
  })

  test('assumes 100 ms for a server that was never asked, and has no crest where nothing may spill', () => {
    const stats = statsOf(tier(0, [model({ queueMs: 80, runMs: 20 })]), tier(0))
    expect(new FlowMeter().read(stats, 'auto', 0)).toMatchObject({ crestMs: 200, level: 0.5 })
    expect(new FlowMeter().read(stats, 'device', 0).crestMs).toBeUndefined()
    expect(new FlowMeter().read({ ...stats, server: null }, 'auto', 0).crestMs).toBeUndefined()
  })

  test('counts what each tier answered a second over the last second, and comes to rest', () => {
    const meter = new FlowMeter()
    const read = (at: number, device: number, server: number) =>
      meter.read(
        statsOf(tier(0), tier(0), [
          answeredAt('device', device),
          answeredAt('device', device),
          answeredAt('server', server),
        ]),
        'auto',
        at,
      )
    expect(read(0, 100, 0).perSecond).toEqual({ device: 0, server: 0 })
    expect(read(500, 200, 50)).toMatchObject({
      answered: { device: 400, server: 50 },
      perSecond: { device: 400, server: 100 },
    })
    expect(read(1_000, 300, 50).perSecond).toEqual({ device: 400, server: 50 })
    expect(read(1_500, 300, 50).perSecond).toEqual({ device: 200, server: 0 })
    expect(read(3_000, 300, 50).perSecond.device).toBe(0)
  })
})
