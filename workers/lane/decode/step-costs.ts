import { ChunkSize } from './chunk-size.ts'
import { Cost } from './cost.ts'

/** What a step did. */
export interface StepKind {
  /** Sequences that were given tokens. */
  readonly rows: number
  /** Tokens that the run took of each of them. */
  readonly tokens: number
  /** Tokens of a prompt that were read beside them. */
  readonly read: number
}

/** Without a measurement, a further token of a run is taken to cost so much of a step: less than it is likely to. */
const firstGuess = 0.15

/** How far a cost that is thought too high goes back to the guess with each plain step: it is tried again some day. */
const forgetting = 0.001

/** What steps take, as measured. */
export class StepCosts {
  /** Of one sequence alone, by the tokens of its run. */
  readonly #alone = new Map<number, Cost>()
  readonly #chunks = new ChunkSize()
  /** Whether the last step read of a prompt: a GPU may still be at it in the next. */
  #hasRead = false

  add({ rows, tokens, read }: StepKind, ms: number): void {
    const isAfterReading = this.#hasRead
    this.#hasRead = read > 0
    if (rows === 0 || ms <= 0) return
    if (read > 0) this.#chunks.addWithChunk(read, ms)
    else if (!isAfterReading) {
      if (tokens === 1) this.#chunks.addPlain(ms)
      if (rows === 1) this.#addAlone(tokens, ms)
    }
  }

  /** What a run of so many tokens of one sequence takes, over a run of one. */
  factor(tokens: number): number {
    const one = this.#alone.get(1)?.ms
    const all = this.#alone.get(tokens)?.ms
    return one && all ? all / one : guess(tokens)
  }

  /** Tokens of a prompt to read in a step of others. */
  get chunk(): number {
    return this.#chunks.tokens
  }

  #addAlone(tokens: number, ms: number): void {
    const cost = this.#alone.get(tokens) ?? new Cost()
    this.#alone.set(tokens, cost)
    const { ms: one } = this.#alone.get(1) ?? cost
    cost.add(ms, one && guess(tokens) * one)
    if (tokens > 1 || !one) return
    for (const [size, other] of this.#alone) other.lower(guess(size) * one, forgetting)
  }
}

const guess = (tokens: number) => 1 + firstGuess * (tokens - 1)
