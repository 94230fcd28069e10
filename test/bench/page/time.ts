import type { Rounds } from '../bench-definition.ts'

export const base = new URL('/', location.href)

/** Milliseconds that the work takes. */
export async function time(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now()
  await work()
  return performance.now() - start
}

/** Times lone calls of two sides that take turns, each from an idle page, after warm-up rounds. */
export async function takeTurnsWhenIdle(
  ours: () => Promise<unknown>,
  theirs: () => Promise<unknown>,
  rounds: number,
): Promise<Rounds> {
  const idle = () => new Promise((resolve) => setTimeout(resolve, 5))
  const times: { ours: number[]; theirs: number[] } = { ours: [], theirs: [] }
  for (let round = 0; round < rounds + 20; round++) {
    await idle()
    const mine = await time(ours)
    await idle()
    const other = await time(theirs)
    if (round < 20) continue
    times.ours.push(mine)
    times.theirs.push(other)
  }
  return times
}

/** Times sides that take turns, after warm-up rounds in which code is compiled and lanes are scaled. */
export async function takeTurns(
  sides: Readonly<Record<string, () => Promise<unknown>>>,
  { rounds, warmUp }: { readonly rounds: number; readonly warmUp: number },
): Promise<Record<string, number[]>> {
  const times: Record<string, number[]> = {}
  for (let round = 0; round < warmUp + rounds; round++) {
    for (const [name, work] of Object.entries(sides)) {
      const ms = await time(work)
      if (round < warmUp) continue
      times[name] ??= []
      times[name].push(ms)
    }
  }
  return times
}
