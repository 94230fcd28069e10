import { describe, expect, test } from 'vitest'
import type { Backend, Variant } from '../../models/core/index.ts'
import { DeviceSession } from '../../web/device/device-session.ts'
import { SegmentTimes } from '../../web/text/segment-times.ts'
import { TextBalance, type TextBalanceOptions } from '../../web/text/text-balance.ts'
import type { CostCurve } from '../../workers/host/scheduler/cost-curve.ts'
import { emptyGraph } from '../support/empty-graph.ts'
import { createManualClock, type ManualClock } from '../support/manual-clock.ts'
import { noCalibrations } from '../support/no-calibrations.ts'
import { digitsManifest } from '../support/test-models.ts'

const sessionOf = (variant: Variant, backend: Backend = 'wasm') =>
  new DeviceSession(digitsManifest, variant, backend, emptyGraph)
const variant = digitsManifest.variants[0] ?? expect.fail('no variant')
const session = sessionOf(variant)

function create(calibrations = noCalibrations) {
  const clock = createManualClock()
  return { clock, balance: new TextBalance({ manifest: digitsManifest, calibrations, clock }) }
}

interface Written {
  readonly promptTokens?: number
  readonly cachedTokens?: number
  readonly queueMs?: number
  readonly firstMs: number
  readonly perTokenMs?: number
  readonly tokens?: number
  readonly hasSlot?: boolean
}

/** The times of a text that a place wrote, token by token. */
function write(
  clock: ManualClock,
  {
    promptTokens = 100,
    cachedTokens = 0,
    queueMs = 0,
    firstMs,
    perTokenMs = 20,
    tokens = 64,
    hasSlot,
  }: Written,
): SegmentTimes {
  const times = new SegmentTimes(clock)
  const token = { text: '', tokens: [{ token: 1 }] }
  times.add({ text: '', tokens: [], promptTokens: new Array<number>(promptTokens).fill(1), hasSlot })
  clock.advance(queueMs + firstMs)
  for (let made = 0; made < tokens; made++) {
    if (made > 0) clock.advance(perTokenMs)
    times.add(token)
  }
  const usage = { promptTokens, generatedTokens: tokens, cachedTokens, reasoningTokens: 0 }
  if (tokens > 0) times.add({ text: '', tokens: [], queueMs, usage })
  return times
}

describe('texts', () => {
  test('stay on a device that has written none', () => {
    const { clock, balance } = create()
    balance.serverWrote(write(clock, { firstMs: 50 }), false)
    expect(balance.weigh(session, 1_000)).toBeUndefined()
  })

  test('spill from a device whose first token comes seconds after the server’s', () => {
    const { clock, balance } = create()
    balance.deviceWrote(session, write(clock, { firstMs: 10_000 }), false)
    balance.serverWrote(write(clock, { firstMs: 150 }), false)
    expect(balance.weigh(session, 100)).toEqual({ deviceMs: 10_000, serverMs: 150 })
  })

  test('stay on a device that is slower than the server, and faster than a reader', () => {
    const { clock, balance } = create()
    balance.deviceWrote(session, write(clock, { firstMs: 1_500, perTokenMs: 140 }), false)
    balance.serverWrote(write(clock, { firstMs: 100, perTokenMs: 10 }), false)
    expect(balance.weigh(session, 100)).toBeUndefined()
  })

  test('spill from a device that writes slower than a reader reads, unless they are short', () => {
    const { clock, balance } = create()
    balance.deviceWrote(session, write(clock, { firstMs: 200, perTokenMs: 400 }), false)
    balance.serverWrote(write(clock, { firstMs: 100 }), false)
    expect(balance.weigh(session, 100, 4)).toBeUndefined()
    expect(balance.weigh(session, 100)).toMatchObject({ deviceMs: 200 + 64 * 250 })
  })

  test('of prompts longer than any that was read count as the longest: on a GPU most of it is fixed', () => {
    const { clock, balance } = create()
    balance.deviceWrote(session, write(clock, { promptTokens: 8, firstMs: 80 }), false)
    balance.serverWrote(write(clock, { firstMs: 100 }), false)
    expect(balance.weigh(session, 8_000)).toBeUndefined()
  })

  test('do not count the wait for a slot, nor what a slot had read before', () => {
    const { clock, balance } = create()
    balance.serverWrote(write(clock, { firstMs: 100 }), false)
    balance.deviceWrote(session, write(clock, { queueMs: 20_000, firstMs: 300 }), false)
    expect(balance.weigh(session, 100)).toBeUndefined()
    // The 2,000 tokens of a conversation were read before: 16 of them cost this.
    const reread = { promptTokens: 2_016, cachedTokens: 2_000, firstMs: 300 }
    for (let turn = 0; turn < 20; turn++) balance.deviceWrote(session, write(clock, reread), false)
    expect(balance.weigh(session, 2_016)).toBeUndefined()
  })

  test('that are left before their first token say how slow the device is at least', () => {
    const { clock, balance } = create()
    balance.serverWrote(write(clock, { firstMs: 100 }), false)
    balance.deviceWrote(session, write(clock, { firstMs: 9_000, tokens: 0 }), true)
    expect(balance.weigh(session, 100)).toMatchObject({ deviceMs: 9_000 })
    const other = create()
    other.balance.deviceWrote(session, write(other.clock, { firstMs: 9_000, tokens: 0 }), false)
    expect(other.balance.weigh(session, 100), 'a place that fails is not slow').toBeUndefined()
  })

  test('that are left while they wait for a slot say nothing of the device', () => {
    const { clock, balance } = create()
    balance.deviceWrote(session, write(clock, { firstMs: 9_000, tokens: 0, hasSlot: false }), true)
    expect(balance.weigh(session, 100)).toBeUndefined()
  })

  test('stay on a GPU whose first text of a visit took seconds: it compiled the shaders', () => {
    const { clock, balance } = create()
    const onGpu = sessionOf(variant, 'webgpu')
    balance.deviceWrote(onGpu, write(clock, { firstMs: 8_000 }), false)
    expect(balance.weigh(onGpu, 100)).toBeUndefined()
    balance.deviceWrote(onGpu, write(clock, { firstMs: 8_000 }), false)
    expect(balance.weigh(onGpu, 100)).toMatchObject({ deviceMs: 8_000 })
  })

  test('return to a device that was asleep while it wrote the only text measured', () => {
    const { clock, balance } = create()
    const hour = 3_600_000
    balance.deviceWrote(session, write(clock, { firstMs: hour, perTokenMs: hour }), false)
    balance.serverWrote(write(clock, { firstMs: 100 }), false)
    let spilled = 0
    while (balance.weigh(session, 100)) spilled++
    expect(spilled).toBe(31)
    balance.deviceWrote(session, write(clock, { firstMs: 300 }), false)
    expect(balance.weigh(session, 100)).toBeUndefined()
  })

  test('return to the device where the server has become slow, and for a minute only', () => {
    const { clock, balance } = create()
    balance.deviceWrote(session, write(clock, { firstMs: 6_000 }), false)
    balance.serverWrote(write(clock, { firstMs: 200 }), false)
    expect(balance.weigh(session, 100)).toBeDefined()
    for (let text = 0; text < 8; text++) balance.serverWrote(write(clock, { firstMs: 30_000 }), false)
    expect(balance.weigh(session, 100)).toBeUndefined()
    clock.advance(60_001)
    expect(balance.weigh(session, 100)).toMatchObject({ serverMs: 200 })
  })

  test('are placed by what earlier visits measured, which is not taken for the cost of runs', () => {
    const curves = new Map<string, () => CostCurve>()
    const calibrations: TextBalanceOptions['calibrations'] = {
      curveOf: (_manifest, { variant }) => curves.get(variant)?.(),
      keep: (_manifest, { variant }, curve) => curves.set(variant, curve),
    }
    const first = create(calibrations)
    first.balance.deviceWrote(session, write(first.clock, { firstMs: 10_000 }), false)
    expect(create(calibrations).balance.weigh(session, 100)).toMatchObject({ deviceMs: 10_000 })
    expect(curves.size).toBe(2)
    expect(curves.has(session.variant)).toBe(false)
  })
})
