/** The largest integers, which stand for no end, are not numbers that a double holds exactly. */
export function toInt64(value: number): bigint {
  if (value >= 2 ** 63) return 2n ** 63n - 1n
  return value < -(2 ** 63) ? -(2n ** 63n) : BigInt(value)
}
