import { describe, expect, test } from 'vitest'
import { Decoder } from '../../../workers/lane/decode/decoder.ts'
import type { Kv, KvShape } from '../../../workers/lane/kv/kv.ts'
import type { SequenceEvent } from '../../../workers/protocol/lane.ts'
import { createManualClock } from '../../support/manual-clock.ts'

/** A token is a byte, and the memory has fewer of them than the decoder is allowed. */
class ShortKv implements Kv {
  readonly #bytes: number
  shape: KvShape = { slots: 1, capacity: 16 }
  #lengths = [0]
  refused = 0

  constructor(bytes: number) {
    this.#bytes = bytes
  }

  length(slot: number) {
    return this.#lengths[slot] ?? 0
  }

  bytes({ slots, capacity }: KvShape) {
    return slots * capacity
  }

  resize(shape: KvShape, from: readonly (number | undefined)[]) {
    // What it holds is given back once it is copied.
    if (this.bytes(this.shape) + this.bytes(shape) > this.#bytes) {
      this.refused++
      throw new RangeError('out of memory')
    }
    this.#lengths = Array.from({ length: shape.slots }, (_, slot) => this.length(from[slot] ?? -1))
    this.shape = shape
  }

  truncate(slot: number, length: number) {
    this.#lengths[slot] = Math.min(this.length(slot), length)
    return this.length(slot)
  }

  async prefill(slot: number, tokens: readonly number[]) {
    this.#lengths[slot] = this.length(slot) + tokens.length
    return { values: new Float32Array([1]) }
  }

  async decode(rows: readonly { readonly slot: number }[]) {
    return rows.map(({ slot }) => {
      this.#lengths[slot] = this.length(slot) + 1
      return { values: new Float32Array([1]) }
    })
  }

  dispose() {}
}

async function decode(kv: Kv, prompts: readonly number[]) {
  const decoder = new Decoder({
    kv,
    context: 1_024,
    maxSlots: 8,
    maxBytes: 8_192,
    selected: 0,
    createSampler: () => ({ next: () => ({ token: 7 }) }),
    exclusive: (work) => work(),
    yieldToEventLoop: () => new Promise(setImmediate),
    clock: createManualClock(),
  })
  const sampling = { temperature: 0 }
  decoder.begin(
    prompts.map((length, id) => ({
      id,
      request: {
        prompt: new Array<number>(length).fill(5),
        generated: 0,
        maxTokens: 8,
        stopTokens: [],
        sampling,
      },
    })),
  )
  const ends = new Map<number, SequenceEvent>()
  const tokens = new Map<number, number>()
  while (ends.size < prompts.length) {
    for (const event of (await decoder.steps()).events) {
      tokens.set(event.id, (tokens.get(event.id) ?? 0) + event.tokens.length)
      if (event.finish ?? event.error) ends.set(event.id, event)
    }
  }
  return prompts.map((_, id) => ends.get(id)?.finish ?? ends.get(id)?.error?.code ?? tokens.get(id))
}

describe('a decoder whose runtime has less memory than it is allowed', () => {
  test('decodes in the slots that are to be had, and each has its turn', async () => {
    const kv = new ShortKv(400)
    expect(await decode(kv, [20, 30, 40, 50, 60, 70])).toEqual(new Array(6).fill('length'))
    expect(kv.refused).toBeGreaterThan(0)
  })

  test('refuses what fits by itself no more, and goes on with those behind it', async () => {
    expect(await decode(new ShortKv(400), [20, 600, 30])).toEqual(['length', 'memory_exhausted', 'length'])
  })
})
