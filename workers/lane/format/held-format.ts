import { SpillwayError } from '../../../models/core/index.ts'
import type { Allowed, LikelyToken, Outlook } from './messages.ts'

/** Tokens to look ahead for. */
export interface LookAhead {
  readonly proposed: readonly number[]
  /** How many tokens at most. */
  readonly most: number
}

/** A text that is held to its format. */
export interface HeldFormat {
  /** What may come next; undefined while that is computed. */
  readonly allowed: Allowed | undefined
  /** What is likely to come after that, as far as it is known: none while it is computed. */
  readonly path: readonly LikelyToken[]
  /** Whether the path is what the format leads to, not what was proposed. */
  readonly isForced: boolean
  /** Whether `path` is computed from what was proposed. */
  readonly isLookingAhead: boolean
  /** Why the format cannot be followed any more. */
  readonly error: SpillwayError | undefined
  /** Resolves when all that was asked for is known, or cannot be: there is an error then. */
  readonly settled: Promise<void>
  /** The text goes on with this token. `ask` comes after the last of several. */
  goOn(token: number): void
  /** Has computed what may come next, and what is likely to, unless it is known. */
  ask(ahead: LookAhead): void
  close(): void
}

export interface HeldFormatOptions {
  readonly first: Outlook
  /** The text has one more token. */
  readonly append: (token: number) => void
  readonly ask: (ahead: LookAhead) => Promise<Outlook>
  readonly close: () => void
}

/** What is known of a text in the worker that holds it. */
export class FollowedFormat implements HeldFormat {
  readonly #options: HeldFormatOptions
  #allowed: Allowed | undefined
  #path: readonly LikelyToken[] = []
  #isForced = false
  #isLookingAhead = false
  #asked = 0
  error: SpillwayError | undefined
  settled = Promise.resolve()

  constructor(options: HeldFormatOptions) {
    this.#options = options
    this.#learn(options.first)
  }

  get allowed(): Allowed | undefined {
    return this.#allowed
  }

  get path(): readonly LikelyToken[] {
    return this.#path
  }

  get isForced(): boolean {
    return this.#isForced
  }

  get isLookingAhead(): boolean {
    return this.#isLookingAhead
  }

  goOn(token: number): void {
    this.#options.append(token)
    const [next, ...rest] = this.#path
    const isAsForeseen = next?.token === token
    this.#allowed = isAsForeseen ? next.allowed : undefined
    this.#path = isAsForeseen ? rest : []
    // An answer that comes now is to another question.
    this.#asked++
  }

  ask(ahead: LookAhead): void {
    const isKnown = this.#allowed !== undefined && (this.#path.length > 0 || ahead.most === 0)
    if (isKnown) return
    const asked = ++this.#asked
    const ifCurrent = (work: () => void) => {
      if (asked === this.#asked) work()
    }
    this.#isLookingAhead = ahead.proposed.length > 0
    this.settled = this.#options.ask(ahead).then(
      (outlook) => ifCurrent(() => this.#learn(outlook)),
      (cause: unknown) =>
        ifCurrent(() => {
          this.#isLookingAhead = false
          this.error = SpillwayError.from(cause, 'internal', 'The format could not be followed')
        }),
    )
  }

  close(): void {
    this.#options.close()
  }

  #learn({ allowed, path, isForced }: Outlook): void {
    this.#allowed = allowed
    this.#path = path
    this.#isForced = isForced
    this.#isLookingAhead = false
  }
}
