import { describe, expect, test } from 'vitest'
import { SlotLimit } from '../../../workers/lane/decode/slot-limit.ts'

/** Steps with all slots taken, until the limit has not changed for long. */
function settle(limit: SlotLimit, msOf: (sequences: number) => number): number[] {
  const limits = [limit.slots]
  for (let steps = 0; steps < 400; steps++) {
    limit.add(limit.slots, msOf(limit.slots))
    if (limits.at(-1) !== limit.slots) limits.push(limit.slots)
  }
  return limits
}

describe('as many texts share a step', () => {
  test('as there may be, where a step of them takes no longer', () => {
    expect(settle(new SlotLimit(8, 100), () => 20)).toEqual([8, 16, 32, 64, 100])
  })

  test('as at first, where twice as many take twice as long', () => {
    expect(settle(new SlotLimit(8, 128), (sequences) => sequences)).toEqual([8, 16, 8])
  })

  test('as there are until a step takes longer', () => {
    expect(settle(new SlotLimit(8, 128), (sequences) => Math.max(20, sequences))).toEqual([8, 16, 32, 64, 32])
  })

  test('as at first, where it is seen before all of more slots are taken, and however many there may be', () => {
    const limit = new SlotLimit(8, 128)
    for (let steps = 0; steps < 20; steps++) limit.add(8, 8)
    for (let steps = 0; steps < 20; steps++) limit.add(Math.min(limit.slots, 12), limit.slots === 16 ? 16 : 8)
    expect(limit.slots).toBe(8)
    expect(settle(new SlotLimit(16, 24), (sequences) => sequences ** 2)).toEqual([16, 24, 16])
  })

  test('as the device has time for by now, when what did not pay is tried again', () => {
    const limit = new SlotLimit(8, 16)
    settle(limit, (sequences) => sequences)
    for (let steps = 0; steps < 5_000; steps++) limit.add(limit.slots, 8)
    expect(limit.slots).toBe(16)
  })

  test('as at first, while not all slots are taken', () => {
    const limit = new SlotLimit(8, 128)
    for (let steps = 0; steps < 100; steps++) limit.add(7, 20)
    expect(limit.slots).toBe(8)
  })

  test('as the caller allows, where that is fewer', () => {
    expect(settle(new SlotLimit(8, 4), () => 20)).toEqual([4])
  })
})
