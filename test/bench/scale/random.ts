import { seeded } from '../../support/seeded.ts'

/** Random numbers of the distributions that a simulation needs, the same for the same seed. */
export class Random {
  readonly next: () => number

  constructor(seed: number) {
    this.next = seeded(seed)
  }

  between(least: number, most: number): number {
    return least + (most - least) * this.next()
  }

  whole(least: number, most: number): number {
    return Math.floor(this.between(least, most + 1))
  }

  exponential(mean: number): number {
    return -mean * Math.log(1 - this.next())
  }

  /** Around 1: half of the values are below, and two thirds between `1 / spread` and `spread`. */
  logNormal(spread: number): number {
    const normal = Math.sqrt(-2 * Math.log(1 - this.next())) * Math.cos(2 * Math.PI * this.next())
    return spread ** normal
  }

  /** One of the choices, each as often as its share says. */
  pick<T extends { readonly share: number }>(choices: readonly T[]): T {
    let left = this.next() * choices.reduce((sum, { share }) => sum + share, 0)
    for (const choice of choices) {
      left -= choice.share
      if (left < 0) return choice
    }
    const last = choices.at(-1)
    if (!last) throw new Error('There is nothing to choose from')
    return last
  }
}

/** Makes `Math.random` repeatable while the work runs: the retries of the code under simulation use it. */
export async function withSeededMath<T>(seed: number, work: () => Promise<T>): Promise<T> {
  const { random } = Math
  Math.random = seeded(seed)
  try {
    return await work()
  } finally {
    Math.random = random
  }
}
