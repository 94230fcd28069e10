import type { Model } from '../../../web/api/index.ts'

/** As in test/bench/encoder.ts, which makes the model. */
const vocabulary = 1_000
const longest = 128

/** One request: token ids, and a mask of ones. */
export interface Text {
  readonly ids: BigInt64Array
  readonly mask: BigInt64Array
}

/** Texts of 4 to 128 tokens, the same in each run of the bench. */
export function makeTexts(count: number): Text[] {
  let state = 1
  const below = (bound: number) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    return Math.floor((state / 2 ** 32) * bound)
  }
  return Array.from({ length: count }, () => {
    const length = 4 + below(longest - 3)
    const ids = BigInt64Array.from({ length }, () => BigInt(1 + below(vocabulary - 1)))
    return { ids, mask: new BigInt64Array(length).fill(1n) }
  })
}

/** The text padded to `length`; the mask hides the padding. */
export function padTo(length: number, { ids, mask }: Text): Text {
  const padded = { ids: new BigInt64Array(length), mask: new BigInt64Array(length) }
  padded.ids.set(ids)
  padded.mask.set(mask)
  return padded
}

/** All texts in one array, each padded to the longest. */
export function stack(texts: readonly Text[]): Text & { readonly shape: readonly [number, number] } {
  const length = Math.max(...texts.map(({ ids }) => ids.length))
  const ids = new BigInt64Array(texts.length * length)
  const mask = new BigInt64Array(texts.length * length)
  for (const [row, text] of texts.entries()) {
    ids.set(text.ids, row * length)
    mask.set(text.mask, row * length)
  }
  return { ids, mask, shape: [texts.length, length] }
}

/** The hidden state of one text, through our runtime. */
export async function encode(model: Model, { ids, mask }: Text): Promise<Float32Array> {
  const { outputs } = await model.run({ input_ids: ids, attention_mask: mask })
  const { data } = outputs.last_hidden_state ?? {}
  if (data instanceof Float32Array) return data
  throw new Error('The model gave no hidden state')
}

/** @throws Error where two answers differ: a bench must not win with wrong answers. */
export function expectEqual(ours: ArrayLike<number>, theirs: ArrayLike<number>, within = 1e-3): void {
  for (let index = 0; index < ours.length; index++) {
    const difference = Math.abs((ours[index] ?? Number.NaN) - (theirs[index] ?? Number.NaN))
    if (!(difference <= within)) throw new Error(`The two sides differ by ${difference} at ${index}`)
  }
}
