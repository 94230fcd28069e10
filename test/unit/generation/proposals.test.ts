import { describe, expect, test, vi } from 'vitest'
import { SpillwayError } from '../../../models/core/index.ts'
import type { JsonSchema } from '../../../models/core/text-format.ts'
import { Decoder } from '../../../workers/lane/decode/decoder.ts'
import type { DecoderOptions } from '../../../workers/lane/decode/decoder-options.ts'
import { Formats } from '../../../workers/lane/format/formats.ts'
import type { StartFormatWorker } from '../../../workers/lane/format/messages.ts'
import { serveFormats } from '../../../workers/lane/format/serve-formats.ts'
import { cpuChooser } from '../../../workers/lane/sampling/cpu-chooser.ts'
import { createSampler } from '../../../workers/lane/sampling/sampler.ts'
import type { TokenRequest } from '../../../workers/protocol/generation.ts'
import { LimitedKv } from '../../support/limited-kv.ts'
import { createManualClock } from '../../support/manual-clock.ts'

/** A model without weights: the likeliest token after another is the next of `text`, over and over. */
class QuotingKv extends LimitedKv {
  readonly runs: number[] = []
  override readonly returnsEach = true
  readonly #text: readonly number[]

  constructor(text: readonly number[]) {
    super()
    this.#text = text
  }

  #after(token: number) {
    const values = new Float32Array(16)
    values[this.#text[(this.#text.indexOf(token) + 1) % this.#text.length] ?? 0] = 5
    return { values }
  }

  override async prefill(slot: number, tokens: readonly number[]) {
    this.write(slot, tokens.length)
    return this.#after(tokens.at(-1) ?? 0)
  }

  override async prefillEach(slot: number, tokens: readonly number[]) {
    this.write(slot, tokens.length)
    this.runs.push(tokens.length)
    return tokens.map((token) => this.#after(token))
  }

  override async decode(rows: readonly { readonly slot: number; readonly token?: number }[]) {
    this.runs.push(1)
    return rows.map(({ slot, token = 0 }) => {
      this.write(slot, 1)
      return this.#after(token)
    })
  }
}

const text = [1, 2, 3, 4, 5, 6, 7]

async function decode(
  request: Partial<TokenRequest>,
  kv = new QuotingKv(text),
  cancelAfter?: number,
  options: Partial<DecoderOptions> = {},
) {
  const decoder = new Decoder({
    kv,
    context: 256,
    slots: 2,
    maxSlots: 2,
    maxBytes: 1_024,
    selected: 0,
    isExact: true,
    chooser: cpuChooser(createSampler),
    exclusive: (work) => work(),
    yieldToEventLoop: () => new Promise(setImmediate),
    clock: createManualClock(),
    ...options,
  })
  const prompt = [1, 2, 3, 4, 5, 6, 7, 1, 2, 3]
  const sampling = { temperature: 0 }
  decoder.add([
    { id: 1, request: { prompt, generated: 0, maxTokens: 60, stopTokens: [], sampling, ...request } },
  ])
  const tokens: number[] = []
  for (;;) {
    const { events } = await decoder.takeEvents()
    for (const event of events) {
      tokens.push(...event.tokens.map(({ token }) => token))
      if (event.finish || event.error) return { tokens, end: event.finish ?? event.error?.code, kv }
    }
    if (cancelAfter === undefined || tokens.length < cancelAfter) continue
    decoder.cancel([1])
    while (decoder.load.running > 0) await new Promise(setImmediate)
    return { tokens, end: 'cancelled', kv }
  }
}

const continuation = (count: number) => Array.from({ length: count }, (_, at) => text[(3 + at) % 7])

describe('a decoder that verifies what is likely to come', () => {
  test('gives the same tokens in fewer runs', async () => {
    const { tokens, end, kv } = await decode({})
    expect(tokens).toEqual(continuation(60))
    expect(end).toBe('length')
    expect(kv.runs.length).toBeLessThan(20)
    expect(Math.max(...kv.runs)).toBe(9)
    // What its slot keeps for another prompt is what the text has.
    expect(kv.length(0)).toBeLessThanOrEqual(70)
  })

  test('ends at a stop token in the middle of a run, and shows nothing after it', async () => {
    const { tokens, end } = await decode({ stopTokens: [2] })
    expect(tokens).toEqual([4, 5, 6, 7, 1])
    expect(end).toBe('stop')
  })

  test.each([1, 2, 3, 7, 23])('gives %i tokens where no more are wanted', async (maxTokens) => {
    expect((await decode({ maxTokens })).tokens).toEqual(continuation(maxTokens))
  })

  test('ends where the context ends', async () => {
    const { tokens, end } = await decode({ maxTokens: 1_000 })
    expect(tokens).toEqual(continuation(246))
    expect(end).toBe('length')
  })

  test.each([
    {},
    { repetitionPenalty: 1.1 },
    { repetitionPenalty: 1.1, presencePenalty: 0.5, frequencyPenalty: 0.2 },
  ])('gives the same tokens, wherever it was wrong, by %o', async (penalties) => {
    for (const drawn of [{ temperature: 0 }, { temperature: 1, seed: 5 }]) {
      const request = { sampling: { ...drawn, ...penalties }, maxTokens: 120 }
      const { tokens, kv } = await decode(request)
      const plain = await decode(request, new QuotingKv(text), undefined, { isExact: false })
      expect(tokens).toEqual(plain.tokens)
      expect(plain.kv.runs).toEqual(new Array(119).fill(1))
      expect(kv.runs.length).toBeLessThan(119)
      expect(kv.runs.some((count) => count > 1)).toBe(true)
    }
  })

  test('stops for a sequence that was cancelled', async () => {
    const { tokens, end } = await decode({ maxTokens: 240 }, new QuotingKv(text), 20)
    expect(end).toBe('cancelled')
    expect(tokens).toEqual(continuation(tokens.length))
    expect(tokens.length).toBeLessThan(240)
  })
})

/** The worker for formats in this thread, a turn of the event loop away. */
const inThread: StartFormatWorker = (onReply) => {
  const serve = serveFormats(
    () => import('@mlc-ai/web-xgrammar'),
    (reply) => setImmediate(() => onReply(reply)),
  )
  return { post: serve, terminate: () => {} }
}

/** Enough for any list of objects with these names. */
const jsonPieces = ['', '[{"', '"', 'long', '_', 'name', '":', ':', '1', '2', ',', '{"', '}', ']', 'b', ' ']

/** A model without weights: its likeliest token depends on the last two, and on nothing else. */
class ChainKv extends QuotingKv {
  #last = 0

  override async prefill(slot: number, tokens: readonly number[]) {
    this.write(slot, tokens.length)
    return this.#follow(tokens)
  }

  override async prefillEach(slot: number, tokens: readonly number[]) {
    this.write(slot, tokens.length)
    this.runs.push(tokens.length)
    return tokens.map((token) => this.#follow([token]))
  }

  override async decode(rows: readonly { readonly slot: number; readonly token?: number }[]) {
    this.runs.push(1)
    return rows.map(({ slot, token = 0 }) => {
      this.write(slot, 1)
      return this.#follow([token])
    })
  }

  #follow(tokens: readonly number[]) {
    this.#last = tokens.at(-1) ?? 0
    const values = Float32Array.from(jsonPieces, (_, token) => ((7 * this.#last + 5 * token) % 11) / 3)
    // Commas and closing marks, so that objects end.
    for (const token of [10, 12]) values[token] = 4
    return { values }
  }
}

describe('a decoder that verifies what a format allows', () => {
  const write = async (isExact: boolean, sampling: TokenRequest['sampling'], schema: JsonSchema) => {
    const formats = new Formats(inThread, createManualClock(), jsonPieces.length)
    const format = {
      format: { type: 'json_schema', schema } as const,
      vocabulary: jsonPieces.map((piece) => piece.replaceAll(' ', '\u0120')).join('\n'),
    }
    const { tokens, end, kv } = await decode(
      { prompt: [1, 2], maxTokens: 120, sampling, format, stopTokens: [0] },
      new ChainKv([]),
      undefined,
      { isExact, formats },
    )
    return { text: tokens.map((token) => jsonPieces[token]).join(''), tokens, end, runs: kv.runs }
  }
  const item = {
    type: 'object',
    properties: { long_name: { enum: [1, 2, 12, 21] }, b: { enum: [1, 2] } },
    required: ['long_name', 'b'],
  }

  test.each([{ temperature: 0 }, ...[1, 2, 3].map((seed) => ({ temperature: 1, seed }))])(
    'gives the same text in fewer runs, by %o',
    async (sampling) => {
      const list = { type: 'array', items: item, minItems: 4, maxItems: 4 }
      const together = await write(true, sampling, list)
      const single = await write(false, sampling, list)
      expect(together.tokens).toEqual(single.tokens)
      expect(together.end).toBe('stop')
      expect(JSON.parse(together.text)).toHaveLength(4)
      expect(Math.max(...single.runs)).toBe(1)
      expect(together.runs.length).toBeLessThan(0.9 * single.runs.length)
    },
  )
})

/** A model without weights whose likeliest tokens wander. @param errs Whether it is wrong after a token. */
class WanderingKv extends QuotingKv {
  readonly #errs: (token: number) => boolean
  fails = false

  constructor(errs = (_token: number) => false) {
    super([])
    this.#errs = errs
  }

  override async prefill(slot: number, tokens: readonly number[]) {
    return (await this.prefillEach(slot, tokens)).at(-1) ?? this.#follow(0)
  }

  override async prefillEach(slot: number, tokens: readonly number[]) {
    if (this.fails) throw new SpillwayError('memory_exhausted', 'No memory')
    this.write(slot, tokens.length)
    this.runs.push(tokens.length)
    return tokens.map((token) => this.#follow(token))
  }

  override async decode(rows: readonly { readonly slot: number; readonly token?: number }[]) {
    const made = await Promise.all(rows.map(({ slot, token = 0 }) => this.prefillEach(slot, [token])))
    return made.flat()
  }

  #follow(token: number) {
    const values = Float32Array.from({ length: 97 }, (_, to) => ((31 * token + 17 * to) % 97) / 24)
    return { values: this.#errs(token) ? values.reverse() : values }
  }
}

describe('a decoder with a draft model', () => {
  const write = async (kv: WanderingKv, draft: WanderingKv | undefined, more: Partial<TokenRequest> = {}) =>
    decode({ maxTokens: 100, sampling: { temperature: 1, seed: 4 }, ...more }, kv, undefined, {
      draft: draft && {
        kv: draft,
        chooser: cpuChooser(createSampler),
        selected: 0,
        model: 'small',
        context: 256,
      },
    })

  test.each([
    ['greedy', { temperature: 0 }],
    ['drawn', { temperature: 1, seed: 4 }],
    ['drawn from few', { temperature: 0.8, topK: 5, seed: 9 }],
    ['penalized', { temperature: 0, repetitionPenalty: 1.2, frequencyPenalty: 0.3 }],
  ])('gives the same %s text in fewer runs, as far as the two agree', async (_name, sampling) => {
    const { tokens: expected, kv: plain } = await write(new WanderingKv(), undefined, { sampling })
    for (const [errs, fewer] of [
      [() => false, 0.2],
      [(token: number) => token % 5 === 0, 0.5],
      [() => true, 1.3],
    ] as const) {
      const draft = new WanderingKv(errs)
      const { tokens, end, kv } = await write(new WanderingKv(), draft, { sampling })
      expect(tokens).toEqual(expected)
      expect(end).toBe('length')
      expect(kv.runs.length).toBeLessThan(fewer * plain.runs.length)
      expect(draft.length(0)).toBeLessThanOrEqual(110)
    }
  })

  test('goes on without it once it fails', async () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
    const { tokens: expected } = await write(new WanderingKv(), undefined)
    const draft = new WanderingKv()
    draft.fails = true
    expect((await write(new WanderingKv(), draft)).tokens).toEqual(expected)
    expect(warn.mock.calls).toEqual([['spillway: small drafts no more: No memory']])
    warn.mockRestore()
  })
})
