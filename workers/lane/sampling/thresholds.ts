/**
 * Top-k and top-p as thresholds: the smallest logit that stays. The vocabulary is neither sorted nor copied; the
 * sampler only compares. Equal logits stay or go together.
 */

/** The k-th largest value; negative infinity where there are no more than k. */
export function topKThreshold(values: Float32Array, k: number): number {
  if (k >= values.length) return Number.NEGATIVE_INFINITY
  // A heap of the k largest so far, the smallest of them on top.
  const heap = values.slice(0, k)
  for (let at = (k >> 1) - 1; at >= 0; at--) sink(heap, at)
  let least = heap[0] ?? 0
  for (let at = k; at < values.length; at++) {
    const value = values[at] ?? 0
    if (value <= least) continue
    heap[0] = value
    sink(heap, 0)
    least = heap[0]
  }
  return least
}

function sink(heap: Float32Array, from: number): void {
  const value = heap[from] ?? 0
  let at = from
  for (;;) {
    let child = 2 * at + 1
    if (child >= heap.length) break
    if (child + 1 < heap.length && (heap[child + 1] ?? 0) < (heap[child] ?? 0)) child++
    const smaller = heap[child] ?? 0
    if (smaller >= value) break
    heap[at] = smaller
    at = child
  }
  heap[at] = value
}

/** Buckets for each nat below the likeliest token, and the depth in nats: below it, a token has no weight. */
const bucketsPerNat = 32
const depth = 32

/**
 * The smallest value among the likeliest that together have the share `p` of the probability at or above `threshold`.
 * The probability is summed by bucket, and only the bucket that holds the border is sorted.
 */
export function topPThreshold(
  values: Float32Array,
  largest: number,
  temperature: number,
  threshold: number,
  p: number,
): number {
  const floor = Math.max(threshold, largest - depth * temperature)
  const masses = new Float64Array(bucketsPerNat * depth + 1)
  let total = 0
  for (let at = 0; at < values.length; at++) {
    const value = values[at] ?? 0
    if (value < floor) continue
    const below = (largest - value) / temperature
    const mass = Math.exp(-below)
    masses[bucketOf(below)] = (masses[bucketOf(below)] ?? 0) + mass
    total += mass
  }
  let reached = 0
  let border = 0
  while (border < masses.length - 1 && reached + (masses[border] ?? 0) < p * total) {
    reached += masses[border] ?? 0
    border++
  }
  const inBorder: number[] = []
  for (let at = 0; at < values.length; at++) {
    const value = values[at] ?? 0
    if (value >= floor && bucketOf((largest - value) / temperature) === border) inBorder.push(value)
  }
  let least = floor
  for (const value of Float32Array.from(inBorder).sort().reverse()) {
    least = value
    reached += Math.exp((value - largest) / temperature)
    if (reached >= p * total) break
  }
  return least
}

const bucketOf = (below: number) => Math.min(bucketsPerNat * depth, Math.floor(below * bucketsPerNat))
