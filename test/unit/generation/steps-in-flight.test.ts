import { describe, expect, test } from 'vitest'
import { SpillwayError } from '../../../models/core/index.ts'
import { Decoder } from '../../../workers/lane/decode/decoder.ts'
import type { OrtTensor } from '../../../workers/lane/runtime/ort.ts'
import type { Chooser, Chosen } from '../../../workers/lane/sampling/types.ts'
import type { TokenRequest } from '../../../workers/protocol/generation.ts'
import { type Deferred, deferred } from '../../support/deferred.ts'
import { LimitedKv } from '../../support/limited-kv.ts'
import { createManualClock } from '../../support/manual-clock.ts'

/** Keys and values whose runs leave logits where they ran. */
class DeviceKv extends LimitedKv {
  /** For each run, its slots and whether its tokens are those that were chosen before. */
  readonly runs: { readonly slots: readonly number[]; readonly isAhead: boolean }[] = []
  fails = false

  async decodeInto(
    rows: readonly { readonly slot: number }[],
    { tokens }: { readonly tokens?: OrtTensor | undefined },
  ) {
    if (this.fails) throw new SpillwayError('lane_lost', 'The device is lost')
    this.runs.push({ slots: rows.map(({ slot }) => slot), isAhead: tokens !== undefined })
    for (const { slot } of rows) this.write(slot, 1)
    return rows.map((_, row) => row)
  }
}

const tensor = {} as OrtTensor

/** A decoder on a device whose choices are read when the test says so. A token is its position in the sequence. */
function open() {
  const kv = new DeviceKv()
  const unread: { readonly result: Deferred<readonly Chosen[]>; readonly chosen: readonly Chosen[] }[] = []
  let isReadAtOnce = false
  const chooser: Chooser = {
    open: () => ({ recount: () => {}, close: () => {} }),
    choose: (rows) => {
      const result = deferred<readonly Chosen[]>()
      const chosen = rows.map(({ position }) => ({ token: position }))
      // The first token of a prompt comes from logits on the CPU.
      if (isReadAtOnce || rows.some(({ logits }) => 'values' in logits)) result.resolve(chosen)
      else unread.push({ result, chosen })
      return result.promise
    },
    verify: () => expect.fail('nothing is proposed'),
    keep: async () => ({ values: new Float32Array(1) }),
    device: { logits: () => tensor, tokens: () => tensor },
    close: () => {},
  }
  const decoder = new Decoder({
    kv,
    context: 1_024,
    slots: 8,
    maxSlots: 8,
    maxBytes: 2 ** 20,
    selected: 0,
    isExact: true,
    chooser,
    exclusive: (work) => work(),
    yieldToEventLoop: () => new Promise(setImmediate),
    clock: createManualClock(),
  })
  const shown = new Map<number, number[]>()
  const ends = new Map<number, string>()
  const take = async () => {
    const { events } = await decoder.takeEvents()
    for (const { id, tokens, finish, error } of events) {
      shown.set(id, [...(shown.get(id) ?? []), ...tokens.map(({ token }) => token)])
      const end = finish ?? error?.code
      if (end) ends.set(id, end)
    }
  }
  /** Lets the decoder go on until it waits for what is not read. */
  const settle = async () => {
    for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate)
  }
  return {
    kv,
    decoder,
    shown,
    ends,
    unread,
    settle,
    add: (id: number, request: Partial<TokenRequest> = {}) =>
      decoder.add([
        {
          id,
          request: { prompt: [1, 1], generated: 0, maxTokens: 100, stopTokens: [], sampling: {}, ...request },
        },
      ]),
    /** Reads the oldest choices. */
    read: async (count = 1) => {
      for (let time = 0; time < count; time++) {
        const step = unread.shift()
        step?.result.resolve(step.chosen)
        await settle()
      }
      if (count > 0) await take()
    },
    /** Reads all choices from now on. */
    finish: async (id: number) => {
      isReadAtOnce = true
      for (const { result, chosen } of unread.splice(0)) result.resolve(chosen)
      while (!ends.has(id)) await take()
      return shown.get(id)
    },
  }
}

const from2 = (count: number) => Array.from({ length: count }, (_, index) => 2 + index)

describe('steps in flight', () => {
  test('are more with each that was read, up to eight, and give the tokens in order', async () => {
    const { add, settle, unread, read, finish, kv } = open()
    add(0, { maxTokens: 40 })
    await settle()
    const inFlight = [unread.length]
    for (let step = 0; step < 9; step++) {
      await read()
      inFlight.push(unread.length)
    }
    expect(inFlight).toEqual([2, 3, 4, 5, 6, 7, 8, 8, 8, 8])
    expect(kv.runs.map(({ isAhead }) => isAhead)).toEqual([
      false,
      ...new Array(kv.runs.length - 1).fill(true),
    ])
    expect(await finish(0)).toEqual(from2(40))
    expect(kv.runs).toHaveLength(39)
  })

  test('are one where the host may end the text', async () => {
    const { add, settle, unread, finish, kv } = open()
    add(0, { maxTokens: 10, endsByText: true })
    await settle()
    expect(unread).toHaveLength(1)
    expect(await finish(0)).toEqual(from2(10))
    expect(kv.runs.every(({ isAhead }) => !isAhead)).toBe(true)
  })

  test('are thrown away past a stop token, and the slot keeps what the text has', async () => {
    const { add, settle, read, finish, shown, ends, kv, unread } = open()
    add(0, { stopTokens: [5] })
    add(1, { maxTokens: 30 })
    await settle()
    await read(4)
    expect(ends.get(0)).toBe('stop')
    expect(shown.get(0)).toEqual([2, 3, 4])
    // What is in flight still has the row; its tokens are shown to nobody.
    expect(unread.length).toBeGreaterThan(0)
    expect(await finish(1)).toEqual(from2(30))
    expect(shown.get(0)).toEqual([2, 3, 4])
    expect(kv.runs.at(-1)?.slots).toHaveLength(1)
    expect(kv.length(kv.runs[0]?.slots[0] ?? 0)).toBeLessThanOrEqual(5)
  })

  test('are read before another sequence joins', async () => {
    const { add, settle, read, finish, kv, unread, shown } = open()
    add(0, { maxTokens: 60 })
    await settle()
    await read(3)
    const before = kv.runs.length
    add(1, { maxTokens: 5 })
    await settle()
    expect(kv.runs).toHaveLength(before)
    await read(unread.length)
    await read(1)
    expect(kv.runs.slice(before)).toContainEqual({ slots: [0, 1], isAhead: false })
    expect(await finish(1)).toEqual(from2(5))
    expect(await finish(0)).toEqual(from2(60))
    expect(shown.get(1)).toHaveLength(5)
  })

  test('show nothing more of a sequence that was cancelled', async () => {
    const { add, settle, read, decoder, shown, unread, finish } = open()
    add(0)
    add(1, { maxTokens: 20 })
    await settle()
    await read(2)
    const before = shown.get(0)?.length
    decoder.cancel([0])
    await read(unread.length)
    expect(shown.get(0)).toHaveLength(before ?? 0)
    expect(await finish(1)).toEqual(from2(20))
    expect(decoder.load).toMatchObject({ running: 0 })
  })

  test('are read before a sequence leaves that waits for a slot', async () => {
    const { add, settle, read, decoder, unread } = open()
    for (let id = 0; id < 9; id++) add(id)
    await settle()
    // Each step beside them reads one prompt.
    await read(12)
    expect(unread.length).toBeGreaterThan(1)
    expect(decoder.load).toMatchObject({ running: 8, waiting: 1 })
    decoder.cancel([8])
    await read(unread.length)
    expect(decoder.load).toMatchObject({ running: 8, waiting: 0 })
    await read(2)
    expect(unread.length).toBeGreaterThan(1)
  })

  test('end with the error where a run or the reading fails, once each', async () => {
    const failing = open()
    failing.add(0)
    await failing.settle()
    await failing.read(2)
    const [step] = failing.unread
    step?.result.reject(new SpillwayError('lane_lost', 'The device is lost'))
    await failing.settle()
    await failing.read(0)
    await failing.finish(0)
    expect(failing.ends.get(0)).toBe('lane_lost')
    expect(failing.shown.get(0)).toEqual([2, 3, 4])

    const lost = open()
    lost.add(0)
    await lost.settle()
    lost.kv.fails = true
    await lost.finish(0)
    expect(lost.ends.get(0)).toBe('lane_lost')
    // What was forgotten with it does not come back.
    lost.kv.fails = false
    lost.add(1, { maxTokens: 12 })
    expect(await lost.finish(1)).toEqual(from2(12))
  })

  test('end where the tokens asked for or the context end', async () => {
    const { add, settle, unread, read, finish, kv } = open()
    add(0, { maxTokens: 4 })
    await settle()
    expect(unread).toHaveLength(2)
    await read()
    expect(unread).toHaveLength(2)
    expect(await finish(0)).toEqual(from2(4))
    expect(kv.runs).toHaveLength(3)
  })
})
