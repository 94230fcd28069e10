import { malformed } from './malformed.ts'

const maxRank = 64

/** A stored tensor's shape as numbers. @throws SpillwayError `model_invalid` for sizes no tensor can have. */
export function checkDims(dims: readonly bigint[], what: string): number[] {
  if (dims.length > maxRank) {
    throw malformed(`${what} has too many dimensions`, {
      expected: `at most ${maxRank}`,
      got: `${dims.length}`,
    })
  }
  const shape = dims.map(Number)
  const wrong = shape.find((size) => size < 0)
  if (wrong !== undefined) {
    throw malformed(`${what} has a negative dimension`, {
      expected: 'sizes of zero or more',
      got: show(dims),
    })
  }
  if (!Number.isSafeInteger(countOf(shape)))
    throw malformed(`${what} has an impossible shape`, { got: show(dims) })
  return shape
}

export const countOf = (shape: readonly number[]): number =>
  shape.reduce((product, size) => product * size, 1)

const show = (dims: readonly bigint[]) => `[${dims.join(', ')}]`
