import { afterAll, beforeAll, expect, test } from 'vitest'
import type { SpillwayError } from '../../models/core/index.ts'
import type { Sampling } from '../../models/core/sampling.ts'
import { createSampler } from '../../workers/lane/sampling/sampler.ts'
import type { Chooser, Chosen, Logits } from '../../workers/lane/sampling/types.ts'
import type { GeneratedToken } from '../../workers/protocol/generation.ts'
import { seeded } from '../support/seeded.ts'

export interface ChooserSubject {
  /** A chooser for `vocabulary` tokens. */
  open(): Promise<Chooser>
}

/** No multiple of 32, nor of the number of invocations that share a row. */
export const vocabulary = 1_003

const prompt = [4, 9, 9, 17, 4, 30]

const samplings: Readonly<Record<string, Sampling>> = {
  'the likeliest': { temperature: 0 },
  'a draw': { temperature: 1 },
  'a hot draw': { temperature: 2.5 },
  'a cold draw': { temperature: 0.05 },
  'top-k': { temperature: 1.2, topK: 20 },
  'top-k of one': { temperature: 1, topK: 1 },
  'top-k of more than all': { temperature: 1, topK: 5_000 },
  'top-p': { temperature: 1, topP: 0.7 },
  'a small top-p': { temperature: 0.8, topP: 0.05 },
  'min-p': { temperature: 1.5, minP: 0.05 },
  'all filters': { temperature: 1.1, topK: 100, topP: 0.9, minP: 0.01 },
  penalties: {
    temperature: 1,
    repetitionPenalty: 1.3,
    presencePenalty: 0.7,
    frequencyPenalty: 0.4,
  },
  'penalties of the likeliest': { temperature: 0, repetitionPenalty: 2, frequencyPenalty: 1 },
  bias: { temperature: 1, logitBias: { 3: 4, 9: -2, 50: Number.NEGATIVE_INFINITY } },
  'bias, penalties and filters': {
    temperature: 0.9,
    topK: 50,
    topP: 0.95,
    presencePenalty: 1,
    logitBias: { 7: 3 },
  },
  'log probabilities': { temperature: 1, logprobs: 5, presencePenalty: 0.5 },
  'the log probability of the token alone': { temperature: 0, logprobs: 0 },
}

/** The same tokens, and log probabilities within a thousandth. */
function expectSame(got: Chosen | undefined, { token, logprob, top }: GeneratedToken, where: string): void {
  expect(got, where).toMatchObject({ token })
  if (!got || !('token' in got)) throw new Error('no token')
  expect(got.top?.map((one) => one.token)).toEqual(top?.map((one) => one.token))
  const differences = [
    (got.logprob ?? 0) - (logprob ?? 0),
    ...(top ?? []).map((one, rank) => one.logprob - (got.top?.[rank]?.logprob ?? Number.NaN)),
  ]
  expect(Math.max(...differences.map(Math.abs))).toBeLessThan(1e-3)
  expect(got.logprob === undefined).toBe(logprob === undefined)
}

/** What every kind of `Chooser` does. */
export function chooserContract({ open }: ChooserSubject): void {
  let chooser: Chooser
  beforeAll(async () => {
    chooser = await open()
  })
  afterAll(() => chooser.close())

  const random = seeded(11)
  const logitsOf = (spread: number): Logits => ({
    values: Float32Array.from({ length: vocabulary }, () => spread * (random() + random() + random() - 1.5)),
  })

  const someAllowed = () => {
    const mask = new Int32Array(Math.ceil(vocabulary / 32))
    for (let at = 0; at < mask.length; at += 3) mask[at] = Math.floor(random() * 2 ** 32)
    return mask
  }

  test.each(Object.entries(samplings))('chooses as it is defined: %s', async (_name, sampling) => {
    const seeds = [1, 2 ** 40 + 3, -5]
    const sequences = seeds.map((seed) => ({
      choice: chooser.open({ ...sampling, seed }, prompt, 2),
      sampler: createSampler({ ...sampling, seed }, prompt, 2),
    }))
    // Later positions depend on the tokens chosen before.
    for (let position = 6; position < 22; position++) {
      const rows = sequences.map(({ choice, sampler }, index) => {
        const allowed = position % 4 === 3 && index === 1 ? someAllowed() : undefined
        return { choice, sampler, logits: logitsOf(3 + position), position, allowed }
      })
      const chosen = await chooser.choose(rows)
      for (const [index, { sampler, logits, allowed }] of rows.entries()) {
        const expected = sampler.next(logits, position, allowed)
        expectSame(chosen[index], expected, `position ${position}, row ${index}`)
      }
    }
    for (const { choice } of sequences) choice.close()
  })

  test.each(Object.entries(samplings))(
    'verifies proposed tokens as if they came: %s',
    async (_name, sampling) => {
      const open = (seed: number) => ({
        choice: chooser.open({ ...sampling, seed }, prompt, 2),
        sampler: createSampler({ ...sampling, seed }, prompt, 2),
      })
      const [own, other] = [open(9), open(10)]
      // The same tokens are likely everywhere, so that a count too many or too few shows.
      const logits = logitsOf(12)
      const byLogit = Array.from(logits.values.keys()).sort(
        (one, two) => (logits.values[two] ?? 0) - (logits.values[one] ?? 0),
      )
      let position = 6
      for (const right of [0, 3, 8, 1, 0, 5]) {
        const rows = Array.from({ length: 9 }, (_, at) => ({
          choice: own.choice,
          logits,
          position: position + at,
          allowed: at === 2 ? someAllowed() : undefined,
        }))
        const expected = rows
          .slice(0, right + 1)
          .map(({ position, allowed }) => own.sampler.next(logits, position, allowed))
        const wrong = byLogit.find((token) => token !== expected[right]?.token) ?? 0
        const tokens = expected.slice(0, right).map(({ token }) => token)
        const made = await chooser.verify(rows, [...tokens, ...Array(8 - right).fill(wrong)])
        for (const [at, one] of expected.entries()) expectSame(made[at], one, `position ${position + at}`)
        expect(made).toHaveLength(right + 1)
        position += right + 1
        // Beside another sequence, a token at a time.
        const steps = [own, other].map((each) => ({ ...each, logits, position }))
        const chosen = await chooser.choose(steps)
        expect(chosen, `at position ${position}`).toMatchObject(
          steps.map(({ sampler }) => ({ token: sampler.next(logits, position).token })),
        )
        position++
      }
      own.choice.close()
      other.choice.close()
    },
  )

  test('counts tokens that came in another way, and no longer those that are gone', async () => {
    const sampling: Sampling = {
      temperature: 0,
      repetitionPenalty: 1.5,
      presencePenalty: 0.5,
      frequencyPenalty: 1,
    }
    const choice = chooser.open(sampling, prompt, 2)
    const logits = logitsOf(1)
    for (const [at, token] of [32, 31, 17, 9, 8, 4, 30].entries()) logits.values[token] = 6 + at / 8
    const next = async (tokens: readonly number[]) => {
      const rows = [{ choice, logits, position: tokens.length }]
      const { token } = createSampler(sampling, tokens, tokens.length - 4).next(logits, tokens.length)
      expect(await chooser.choose(rows), `after ${tokens}`).toMatchObject([{ token }])
      return token
    }
    const begun = prompt.slice(0, 4)
    // Token 4 is one of the prompt as well.
    choice.recount([4, 30], [32, 9])
    const first = await next([...begun, 32, 9])
    choice.recount([9, first], [31, 31])
    const second = await next([...begun, 32, 31, 31])
    choice.recount([31], [])
    await next([...begun, 32, 31, second])
    choice.close()
  })

  test('takes the first of equal logits', async () => {
    const choice = chooser.open({ temperature: 0 }, prompt, 0)
    const values = new Float32Array(vocabulary).fill(-1)
    values[700] = 2
    values[300] = 2
    expect(await chooser.choose([{ choice, logits: { values }, position: 6 }])).toMatchObject([
      { token: 300 },
    ])
  })

  test('refuses logits without a choice, row by row', async () => {
    const plain = () => logitsOf(3).values
    const changed = (change: (values: Float32Array) => void) => {
      const values = plain()
      change(values)
      return { values }
    }
    const rows = [
      { logits: changed((values) => values.fill(Number.NaN, 17)) },
      { logits: changed((values) => values.fill(Number.POSITIVE_INFINITY, 40, 41)) },
      { logits: changed((values) => values.fill(Number.NEGATIVE_INFINITY)) },
      { logits: { values: plain() }, allowed: new Int32Array(Math.ceil(vocabulary / 32)) },
      { logits: changed((values) => values.fill(Number.NEGATIVE_INFINITY, 1)) },
    ].map((row) => ({ ...row, choice: chooser.open({ temperature: 1 }, prompt, 0), position: 6 }))
    const chosen = await chooser.choose(rows)
    const errors = chosen.slice(0, 4) as SpillwayError[]
    expect(errors.map(({ code }) => code)).toEqual([
      'model_output_invalid',
      'model_output_invalid',
      'model_output_invalid',
      'input_value_invalid',
    ])
    expect(errors.map(({ detail }) => detail.got)).toEqual([
      'NaN at index 17',
      'infinity at index 40',
      'no finite number',
      undefined,
    ])
    expect(chosen[4]).toEqual({ token: 0 })
  })

  test('refuses sampling that is not valid', () => {
    expect(() => chooser.open({ temperature: -1 }, prompt, 0)).toThrow(/temperature/)
  })

  test('keeps logits that the caller changes', async () => {
    const logits = logitsOf(3)
    const expected = [...logits.values]
    const kept = await chooser.keep(logits)
    logits.values.fill(0)
    expect([...kept.values]).toEqual(expected)
  })
}
