import { describe, expect, test } from 'vitest'
import { SlotTable } from '../../../workers/lane/decode/slot-table.ts'
import type { SlotOwner } from '../../../workers/lane/decode/slots.ts'
import { LimitedKv } from '../../support/limited-kv.ts'

interface Limits {
  readonly available?: number
  readonly maxBytes?: number
  readonly maxSlots?: number
  readonly context?: number
}

function open({ available, maxBytes = 8_192, maxSlots = 8, context = 1_024 }: Limits = {}) {
  const kv = new LimitedKv(available)
  const table = new SlotTable<SlotOwner>({ kv, context, mostSlots: () => maxSlots, maxBytes })
  /** A sequence in a slot, all its tokens read. */
  const add = (tokens: readonly number[], newTokens = 8, adapter?: number) => {
    const owner: SlotOwner = { tokens, adapter, slot: undefined }
    const cachedTokens = table.assign(owner, newTokens)
    if (owner.slot !== undefined) kv.write(owner.slot, tokens.length - kv.length(owner.slot))
    return { owner, cachedTokens }
  }
  return { kv, table, add }
}

/** Tokens that share no prefix with those of another `first`. */
const text = (first: number, length: number) => Array.from({ length }, (_, index) => first * 1_000 + index)

describe('a prompt copies', () => {
  const begin = (table: SlotTable<SlotOwner>, tokens: readonly number[]) => {
    const owner: SlotOwner = { tokens, slot: undefined }
    table.assign(owner, 8)
    return owner
  }

  test('what a slot in use holds of it, and what a free one keeps, whichever is more', () => {
    const { kv, table, add } = open()
    add([...text(1, 30), 7, 8, 9])
    const other = add([...text(1, 50), 7]).owner
    const owner = begin(table, [...text(1, 60), 5])
    expect(table.share(owner)).toBe(50)
    expect(kv.length(owner.slot ?? -1)).toBe(50)
    // Nothing more is to be had.
    expect(table.share(owner)).toBeUndefined()
    const { slot } = other
    table.release(other)
    const later = begin(table, [...text(1, 50), 8, 9])
    expect(later.slot).toBe(slot)
    expect(kv.length(later.slot ?? -1)).toBe(50)
  })

  test('only what was read so far, all but its last token, and nothing for a few tokens', () => {
    const { kv, table, add } = open()
    const reading = begin(table, text(1, 100))
    const same = begin(table, text(1, 100))
    expect(table.share(same)).toBeUndefined()
    kv.write(reading.slot ?? -1, 15)
    expect(table.share(same)).toBeUndefined()
    kv.write(reading.slot ?? -1, 85)
    expect(table.share(same)).toBe(99)
    add(text(2, 40))
    const few = begin(table, [...text(2, 15), 1, 2])
    expect(table.share(few)).toBeUndefined()
    expect(table.share({ tokens: text(2, 40), slot: undefined })).toBeUndefined()
  })
})

test('a prompt neither copies nor reuses what was computed with another adapter', () => {
  const { table, add } = open()
  const [plain, adapted] = [add(text(1, 40)).owner, add(text(1, 40), 8, 1)]
  expect(adapted.cachedTokens).toBe(0)
  expect(table.share(adapted.owner)).toBeUndefined()
  const { slot } = adapted.owner
  table.release(plain)
  table.release(adapted.owner)
  expect(add([...text(1, 40), 7], 8, 2).cachedTokens).toBe(0)
  const again = add([...text(1, 40), 7], 8, 1)
  expect([again.owner.slot, again.cachedTokens]).toEqual([slot, 40])
})

describe('a prompt reuses', () => {
  test('the tokens that a finished sequence left, but for the prompt’s last', () => {
    const { table, add } = open()
    table.release(add(text(1, 40)).owner)
    const { owner, cachedTokens } = add([...text(1, 30), 7, 8])
    expect([owner.slot, cachedTokens]).toEqual([0, 30])
    table.release(owner)
    expect(add([...text(1, 30), 7, 8]).cachedTokens).toBe(31)
  })

  test('the slot that shares most, whichever is the oldest', () => {
    const { table, add } = open()
    const long = add(text(1, 60)).owner
    const short = add([...text(1, 20), 7]).owner
    const [longSlot, shortSlot] = [long.slot, short.slot]
    table.release(long)
    table.release(short)
    const first = add([...text(1, 50), 9])
    expect([first.owner.slot, first.cachedTokens]).toEqual([longSlot, 50])
    const second = add([...text(1, 50), 9])
    expect([second.owner.slot, second.cachedTokens]).toEqual([shortSlot, 20])
  })

  test('no slot that is in use', () => {
    const { add } = open()
    const first = add(text(1, 40))
    const second = add(text(1, 40))
    expect(second.cachedTokens).toBe(0)
    expect(second.owner.slot).not.toBe(first.owner.slot)
  })

  test('no prefix shorter than 16 tokens or than what would be lost: another slot is added instead', () => {
    const { kv, table, add } = open()
    table.release(add(text(1, 40)).owner)
    expect(add([...text(1, 15), 7]).cachedTokens).toBe(0)
    expect(kv.length(0)).toBe(40)
    expect(add([...text(1, 19), 7]).cachedTokens).toBe(0)
    expect(kv.length(0)).toBe(40)
    expect(add([...text(1, 20), 7]).cachedTokens).toBe(20)
  })

  test('the least recently used slot, emptied, once there can be no more slots', () => {
    const { table, add } = open({ maxSlots: 2 })
    const [first, second] = [add(text(1, 40)).owner, add(text(2, 40)).owner]
    const { slot } = second
    table.release(second)
    table.release(first)
    const third = add(text(3, 40))
    expect([third.owner.slot, third.cachedTokens]).toEqual([slot, 0])
    expect(add(text(4, 40)).owner.slot).not.toBe(slot)
    expect(add(text(5, 40)).owner.slot).toBeUndefined()
  })
})

describe('memory grows', () => {
  test('by doubling, in slots and in capacity', () => {
    const { kv, add } = open()
    const shapes = Array.from({ length: 5 }, (_, index) => {
      add(text(index, 20))
      return kv.shape
    })
    expect(shapes.map(({ slots }) => slots)).toEqual([1, 2, 4, 4, 8])
    expect(new Set(shapes.map(({ capacity }) => capacity))).toEqual(new Set([32]))
    add(text(9, 100), 400)
    expect(kv.shape).toEqual({ slots: 8, capacity: 256 })
  })

  test('to one slot more, and to exactly the tokens needed, where twice as much is not allowed', () => {
    const { kv, table, add } = open({ maxBytes: 250 })
    add(text(1, 60), 0)
    add(text(2, 60), 0)
    expect(kv.shape).toEqual({ slots: 2, capacity: 64 })
    add(text(3, 60), 0)
    expect(kv.shape).toEqual({ slots: 3, capacity: 64 })
    expect(table.reserve([{ tokens: text(9, 83), slot: undefined }])).toBe(true)
    expect(kv.shape).toEqual({ slots: 3, capacity: 83 })
    expect(table.reserve([{ tokens: text(9, 84), slot: undefined }])).toBe(false)
    expect(kv.shape).toEqual({ slots: 3, capacity: 83 })
  })

  test('at the cost of unused slots, and the other slots move together', () => {
    const { kv, table, add } = open({ maxBytes: 256 })
    const [first, second] = [add(text(1, 60), 0).owner, add(text(2, 50), 0).owner]
    table.release(first)
    expect(table.reserve([{ tokens: text(9, 200), slot: undefined }])).toBe(true)
    expect(kv.shape).toEqual({ slots: 1, capacity: 256 })
    expect([second.slot, kv.length(0)]).toEqual([0, 50])
  })

  test('for a reused slot too, which moves with its tokens', () => {
    const { kv, table, add } = open({ maxBytes: 256 })
    table.release(add(text(1, 60), 0).owner)
    table.release(add(text(2, 50), 0).owner)
    const { owner, cachedTokens } = add([...text(2, 50), ...text(3, 100)], 0)
    expect([owner.slot, cachedTokens, kv.length(0)]).toEqual([0, 50, 150])
  })

  test('to no more than the context, which is what memory allows one sequence', () => {
    const { kv, table, add } = open({ maxBytes: 90 })
    expect(table.context).toBe(90)
    add(text(1, 70), 400)
    expect(kv.shape).toEqual({ slots: 1, capacity: 90 })
  })
})

describe('memory that the runtime refuses', () => {
  test('is not requested again, and less is used', () => {
    const { kv, add } = open({ available: 170 })
    add(text(1, 30), 0)
    add(text(2, 30), 0)
    // Four slots of 32 tokens beside two do not fit into 170 bytes, and three do.
    expect(add(text(3, 30), 0).cachedTokens).toBe(0)
    expect(kv.shape).toEqual({ slots: 3, capacity: 32 })
    expect(kv.refused).toBe(1)
    expect(add(text(4, 30), 0).cachedTokens).toBeUndefined()
    expect(kv.refused).toBe(1)
  })

  test('leaves all sequences where they were', () => {
    const { kv, table, add } = open({ available: 100 })
    const { owner } = add(text(1, 30), 0)
    expect(table.reserve([{ tokens: text(9, 90), slot: undefined }])).toBe(false)
    expect([owner.slot, kv.length(0), kv.shape.capacity]).toEqual([0, 30, 32])
  })

  test('is requested again after the table has shrunk', () => {
    const { kv, table, add } = open({ available: 100 })
    const { owner } = add(text(1, 30), 0)
    expect(table.reserve([{ tokens: text(9, 90), slot: undefined }])).toBe(false)
    table.release(owner)
    table.shrink()
    kv.available = 1_000
    expect(add(text(2, 90), 0).cachedTokens).toBe(0)
  })
})

describe('a sequence that leaves its slot', () => {
  test('keeps its tokens for reuse when it ends, and none when it is preempted', () => {
    const { table, add } = open()
    const [ended, preempted] = [add(text(1, 40)).owner, add(text(2, 40)).owner]
    table.release(ended)
    table.preempt(preempted)
    expect([ended.slot, preempted.slot]).toEqual([undefined, undefined])
    expect(table.assign(preempted, 8)).toBe(0)
    expect(add(text(1, 40)).cachedTokens).toBe(39)
  })

  test('makes room for the others when it is preempted', () => {
    const { kv, table, add } = open({ maxBytes: 128 })
    const [first, last] = [add(text(1, 60), 0).owner, add(text(2, 60), 0).owner]
    expect(table.reserve([{ tokens: text(9, 100), slot: undefined }])).toBe(false)
    table.preempt(last)
    expect(table.reserve([{ tokens: text(9, 100), slot: undefined }])).toBe(true)
    expect([first.slot, kv.length(0)]).toEqual([0, 60])
  })

  test('has its slot back with nothing in it after a run that failed', () => {
    const { kv, table, add } = open()
    const { owner } = add(text(1, 40))
    table.clear()
    expect([owner.slot, kv.length(0), table.usage]).toEqual([0, 0, 0])
    table.release(owner)
    expect(add(text(1, 40)).cachedTokens).toBe(0)
  })
})
