/** A prompt of so many tokens, another one for each seed. */
export const promptOf = (length: number, vocabulary: number, seed = 1): number[] =>
  Array.from({ length }, (_, index) => (index === 0 ? 1 : (index * 97 * seed + 31) % vocabulary))
