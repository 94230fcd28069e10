import { describe, expect, test } from 'vitest'
import { Decoder } from '../../../workers/lane/decode/decoder.ts'
import type { Kv } from '../../../workers/lane/kv/kv.ts'
import { cpuChooser } from '../../../workers/lane/sampling/cpu-chooser.ts'
import type { SequenceEvent } from '../../../workers/protocol/lane.ts'
import { LimitedKv } from '../../support/limited-kv.ts'
import { createManualClock } from '../../support/manual-clock.ts'

async function decode(kv: Kv, prompts: readonly number[]) {
  const decoder = new Decoder({
    kv,
    context: 1_024,
    slots: 8,
    maxSlots: 8,
    maxBytes: 8_192,
    selected: 0,
    isExact: true,
    chooser: cpuChooser(() => ({ next: () => ({ token: 7 }), recount: () => {} })),
    exclusive: (work) => work(),
    yieldToEventLoop: () => new Promise(setImmediate),
    clock: createManualClock(),
  })
  const sampling = { temperature: 0 }
  decoder.add(
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
    for (const event of (await decoder.takeEvents()).events) {
      tokens.set(event.id, (tokens.get(event.id) ?? 0) + event.tokens.length)
      if (event.finish ?? event.error) ends.set(event.id, event)
    }
  }
  return prompts.map((_, id) => ends.get(id)?.finish ?? ends.get(id)?.error?.code ?? tokens.get(id))
}

describe('a decoder whose runtime has less memory than the decoder may use', () => {
  test('decodes all sequences in the slots that fit', async () => {
    const kv = new LimitedKv(400)
    expect(await decode(kv, [20, 30, 40, 50, 60, 70])).toEqual(new Array(6).fill('length'))
    expect(kv.refused).toBeGreaterThan(0)
  })

  test('refuses a prompt that does not fit alone, and decodes those behind it', async () => {
    expect(await decode(new LimitedKv(400), [20, 600, 30])).toEqual(['length', 'memory_exhausted', 'length'])
  })
})
