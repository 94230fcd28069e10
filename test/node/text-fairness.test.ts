import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Inference } from '../../server/inference/inference.ts'
import type { TokenGenerator } from '../../workers/host/text/types.ts'
import type { TokenRequest } from '../../workers/protocol/generation.ts'
import { bardFolder, bardManifest } from '../support/bard-variants.ts'
import { createCpuInference } from '../support/cpu-inference.ts'

let inference: Inference
let generator: TokenGenerator
beforeAll(async () => {
  inference = createCpuInference({ queue: { requests: 150 } })
  generator = inference.generator({ manifest: bardManifest, folder: bardFolder })
})
afterAll(() => inference.close())

const request = (seed: number, maxTokens: number): TokenRequest => ({
  prompt: [1, 30 + seed, 50],
  generated: 0,
  maxTokens,
  stopTokens: [],
  sampling: { temperature: 1, seed },
})

/** Starts a sequence, and counts its tokens. */
function start(caller: string, seed: number, maxTokens: number) {
  const tokens: number[] = []
  const stream = generator.generate(request(seed, maxTokens), { caller })
  const ended = (async () => {
    for await (const batch of stream) tokens.push(...batch.map(({ token }) => token))
    await stream.result
    return tokens
  })()
  return { tokens, ended }
}

test('a caller with one text beside one with 128 gets its tokens within a few steps', async () => {
  const length = 32
  const many = Array.from({ length: 128 }, (_, seed) => start('many', seed, length))
  await expect.poll(() => many.filter(({ tokens }) => tokens.length > 2).length, { interval: 5 }).toBe(16)
  const stepsBefore = Math.max(...many.map(({ tokens }) => tokens.length))
  const one = start('one', 1_000, 4)
  expect(await one.ended).toHaveLength(4)
  // Each of the sixteen slots was taken by texts of 32 tokens.
  expect(Math.max(...many.map(({ tokens }) => tokens.length)) - stepsBefore).toBeLessThan(24)
  expect(many.filter(({ tokens }) => tokens.length === length)).toEqual([])

  // The text that gave its slot lost and repeated nothing.
  const texts = await Promise.all(many.map(({ ended }) => ended))
  expect(texts.map(({ length }) => length)).toEqual(new Array(128).fill(length))
  for (const seed of [0, 13, 14, 15]) expect(texts[seed]).toEqual(await start('alone', seed, length).ended)
})

test('a full queue gives places to another caller, and refuses all texts of a request that do not fit', async () => {
  const failed: unknown[] = []
  const startMany = (length: number, maxTokens: number) =>
    Array.from({ length }, (_, seed) => {
      const { ended } = start('many', seed, maxTokens)
      ended.catch(({ code }) => failed.push(code))
      return ended
    })
  // Long ones: all of them are seen in their slots before the first ends.
  const many = startMany(16, 120)
  await expect.poll(() => generator.load.running, { interval: 5 }).toBe(16)
  many.push(...startMany(150, 12))
  expect(generator.refusal?.(1, 3, { caller: 'many' })?.code).toBe('overloaded')
  expect(generator.refusal?.(128, 3, { caller: 'other' })?.code).toBe('overloaded')
  expect(generator.refusal?.(2, 3, { caller: 'other' })).toBeUndefined()
  const others = [start('other', 1, 3), start('other', 2, 3)]
  expect((await Promise.all(others.map(({ ended }) => ended))).map(({ length }) => length)).toEqual([3, 3])
  expect(failed).toEqual(['overloaded', 'overloaded'])
  await Promise.allSettled(many)
})
