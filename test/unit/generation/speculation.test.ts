import { describe, expect, test, vi } from 'vitest'
import { SpillwayError } from '../../../models/core/index.ts'
import type { JsonSchema } from '../../../models/core/text-format.ts'
import { Decoder } from '../../../workers/lane/decode/decoder.ts'
import type { DecoderOptions } from '../../../workers/lane/decode/decoder-options.ts'
import { nextChunk } from '../../../workers/lane/decode/next-chunk.ts'
import { PromptLookup } from '../../../workers/lane/decode/prompt-lookup.ts'
import { Speculation } from '../../../workers/lane/decode/speculation.ts'
import { StepCosts } from '../../../workers/lane/decode/step-costs.ts'
import { Formats } from '../../../workers/lane/format/formats.ts'
import type { StartFormatWorker } from '../../../workers/lane/format/messages.ts'
import { serveFormats } from '../../../workers/lane/format/serve-formats.ts'
import { cpuChooser } from '../../../workers/lane/sampling/cpu-chooser.ts'
import { createSampler } from '../../../workers/lane/sampling/sampler.ts'
import type { TokenRequest } from '../../../workers/protocol/generation.ts'
import { LimitedKv } from '../../support/limited-kv.ts'
import { createManualClock } from '../../support/manual-clock.ts'

describe('a prompt lookup', () => {
  test('proposes what followed the last tokens, when they came last', () => {
    const tokens = [1, 2, 3, 4, 5, 1, 2, 3, 6, 7, 8, 1, 2]
    const lookup = new PromptLookup(tokens)
    expect(lookup.propose(4)).toEqual([])
    tokens.push(3)
    expect(lookup.propose(4)).toEqual([6, 7, 8, 1])
    expect(lookup.propose(1)).toEqual([6])
    tokens.push(9)
    expect(lookup.propose(4)).toEqual([])
  })

  test('goes on with what repeats itself', () => {
    expect(new PromptLookup([9, 5, 6, 5, 6, 5]).propose(5)).toEqual([6, 5, 6, 5, 6])
    expect(new PromptLookup([7, 7, 7, 7]).propose(3)).toEqual([7, 7, 7])
  })

  test('has nothing to say of few tokens', () => {
    for (const tokens of [[], [1], [1, 1], [1, 1, 1]]) expect(new PromptLookup(tokens).propose(4)).toEqual([])
  })
})

const alone = (tokens: number) => ({ rows: 1, tokens, read: 0 })

/** Costs of runs, seen often enough to be known. @param share What a further token costs of a step. */
function costsOf(share: number): StepCosts {
  const costs = new StepCosts({ slots: 8, maxSlots: 8 })
  for (const tokens of [1, 2, 3, 5, 9])
    for (let time = 0; time < 20; time++) costs.add(alone(tokens), 10 * (1 + share * (tokens - 1)))
  return costs
}

const repeating = Array.from({ length: 40 }, (_, index) => index % 10)

describe('speculation', () => {
  test('proposes more the more of its predictions came true, and nothing where they do not', () => {
    const tokens = [...repeating]
    const speculation = new Speculation(tokens, costsOf(0.12))
    const come = (token: number) => {
      tokens.push(token)
      speculation.accept(token)
    }
    const counts: number[] = []
    for (let at = 0; at < 30; at++) {
      counts.push(speculation.propose(20).length)
      come(tokens.length % 10)
    }
    expect(counts[0]).toBe(1)
    expect(counts.at(-1)).toBe(8)
    expect(counts).toEqual([...counts].sort((one, other) => one - other))
    // Every repetition is now followed by something else.
    for (let at = 0; at < 30; at++) for (const token of [3, 4, 5, 100 + at]) come(token)
    come(3)
    come(4)
    come(5)
    expect(speculation.propose(20)).toEqual([])
  })

  test('proposes nothing while runs of several tokens cost what they give', () => {
    const tokens = [...repeating]
    const speculation = new Speculation(tokens, costsOf(1.2))
    for (let at = 0; at < 30; at++) {
      expect(speculation.propose(20)).toEqual([])
      tokens.push(tokens.length % 10)
      speculation.accept(tokens.at(-1) ?? 0)
    }
  })

  test('keeps within the room there is', () => {
    const tokens = [...repeating]
    const speculation = new Speculation(tokens, costsOf(0))
    for (let at = 0; at < 30; at++) {
      tokens.push(tokens.length % 10)
      speculation.accept(tokens.at(-1) ?? 0)
    }
    expect([9, 7, 3, 1, 0, -5].map((most) => speculation.propose(most).length)).toEqual([8, 4, 2, 1, 0, 0])
  })
})

describe('costs of steps', () => {
  const proposedOf = (costs: StepCosts) => {
    const speculation = new Speculation(repeating, costs)
    for (let at = 0; at < 30; at++) speculation.accept(repeating[at % 10] ?? 0)
    return speculation.propose(20).length
  }

  test('are not those of a pause, and what was too dear is tried again some day', () => {
    const costs = costsOf(0.1)
    const before = costs.factor(9)
    costs.add(alone(9), 60_000)
    expect(costs.factor(9)).toBeLessThan(1.5 * before)
    const dear = costsOf(0.1)
    for (let time = 0; time < 40; time++) dear.add(alone(9), 60_000)
    expect(dear.factor(9)).toBeGreaterThan(9)
    for (let time = 0; time < 30_000; time++) dear.add(alone(1), 10)
    expect(dear.factor(9)).toBeLessThan(2.5)
    expect(proposedOf(costs)).toBe(proposedOf(costsOf(0.1)))
  })

  test('are not those of a step after one that read a prompt', () => {
    const costs = costsOf(0.1)
    const before = costs.factor(3)
    costs.add({ rows: 0, tokens: 1, read: 256 }, 5)
    costs.add(alone(3), 20)
    expect(costs.factor(3)).toBe(before)
    costs.add(alone(3), 20)
    expect(costs.factor(3)).toBeGreaterThan(before)
  })
})

describe('chunks of a prompt', () => {
  /** The size after many chunks beside four texts, whose steps take 20 ms. @param ms What a chunk adds, by its tokens. */
  const sizeWhere = (ms: (tokens: number) => number) => {
    const costs = new StepCosts({ slots: 8, maxSlots: 8 })
    for (let time = 0; time < 5; time++) costs.add({ rows: 4, tokens: 1, read: 0 }, 20)
    for (let time = 0; time < 100; time++) {
      const { chunk } = costs
      costs.add({ rows: 4, tokens: 1, read: chunk }, 20 + ms(chunk))
    }
    return costs.chunk
  }

  test('take three quarters of a step of the others at most, by halves and doubles', () => {
    expect(new StepCosts({ slots: 8, maxSlots: 8 }).chunk).toBe(32)
    expect(sizeWhere((tokens) => 0.1 * tokens)).toBe(128)
    expect(sizeWhere((tokens) => 0.4 * tokens)).toBe(32)
    expect(sizeWhere((tokens) => 0.7 * tokens)).toBe(16)
    expect(sizeWhere((tokens) => 10 * tokens)).toBe(8)
    expect(sizeWhere(() => 0)).toBe(256)
  })

  test('stay as they are where fewer tokens take as long', () => {
    expect(sizeWhere((tokens) => 20 + 0.01 * tokens)).toBe(32)
    expect(sizeWhere((tokens) => 20 + 0.7 * tokens)).toBe(16)
  })

  test('are of any size where nobody waits, and leave the last to a step of all or to a run with logits', () => {
    const alone = { fitting: Number.POSITIVE_INFINITY, selected: 0, isKnown: true }
    expect(nextChunk(1_000, alone)).toEqual({ tokens: 256, isLast: false })
    expect(nextChunk(200, alone)).toEqual({ tokens: 199, isLast: false })
    // What the graph returns shows in a run of two.
    expect(nextChunk(200, { ...alone, isKnown: false })).toEqual({ tokens: 198, isLast: false })
    expect(nextChunk(2, { ...alone, isKnown: false })).toEqual({ tokens: 2, isLast: true })
    expect(nextChunk(200, { ...alone, selected: 64 })).toEqual({ tokens: 200, isLast: true })
    expect(nextChunk(12, { ...alone, fitting: 8 })).toEqual({ tokens: 8, isLast: false })
    expect(nextChunk(16, alone)).toEqual({ tokens: 16, isLast: true })
    expect(nextChunk(2, { ...alone, fitting: 8 })).toEqual({ tokens: 2, isLast: true })
  })
})

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

  test('draws the same tokens for the same seed, wherever it was wrong', async () => {
    const drawn = { temperature: 1, seed: 5 }
    const kv = new QuotingKv(text)
    const { tokens } = await decode({ sampling: drawn, maxTokens: 120 }, kv)
    // A penalty too small to change anything: then every token is chosen by itself.
    const plain = new QuotingKv(text)
    const { tokens: expected } = await decode(
      { sampling: { ...drawn, presencePenalty: 1e-9 }, maxTokens: 120 },
      plain,
    )
    expect(tokens).toEqual(expected)
    expect(plain.runs).toHaveLength(119)
    expect(kv.runs.length).toBeLessThan(119)
    expect(kv.runs.some((count) => count > 1)).toBe(true)
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
  ])('gives the same %s text in fewer runs, as far as the two agree', async (_name, sampling) => {
    const { tokens: expected, kv: plain } = await write(new WanderingKv(), undefined, { sampling })
    for (const [errs, fewer] of [
      [() => false, 0.4],
      [(token: number) => token % 5 === 0, 0.8],
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
