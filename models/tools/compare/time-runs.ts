import type { Runnable, Tensors } from '../run-model/runtime.ts'

/** Time budget for one backend, and bounds of the number of runs. */
const budgetMs = 3_000
const minRuns = 3
const maxRuns = 200

/**
 * The median milliseconds of a run of each model. The models take turns, so that other load on the machine affects
 * all.
 */
export async function timeInTurns(
  runnables: readonly Runnable[],
  samples: readonly Tensors[],
): Promise<number[]> {
  const times = runnables.map((): number[] => [])
  const first = samples[0] ?? {}
  // The first run is slower: it selects kernels, compiles shaders and allocates memory.
  for (const runnable of runnables) await runnable.run(first)
  const end = performance.now() + budgetMs
  for (let round = 0; round < maxRuns; round++) {
    if (round >= minRuns && performance.now() > end) break
    const sample = samples[round % samples.length] ?? first
    for (const [index, runnable] of runnables.entries()) {
      const started = performance.now()
      await runnable.run(sample)
      times[index]?.push(performance.now() - started)
    }
  }
  return times.map(median)
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  return sorted.length % 2 === 1
    ? (sorted[middle] ?? 0)
    : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2
}
