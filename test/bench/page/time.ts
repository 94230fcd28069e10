export const base = new URL('/', location.href)

/** Milliseconds of one piece of work. */
export async function time(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now()
  await work()
  return performance.now() - start
}

/** Times of sides that take turns, by name, after rounds that only warm them up: they compile, and find the lanes that pay. */
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
