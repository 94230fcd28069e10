import { SpillwayError } from '../../../models/core/index.ts'
import type { KeyLimits } from '../../../models/protocols/api-keys.ts'
import type { RateStore, Used } from './rate-store.ts'

/** Whom limits hold for: a key or an address. */
export interface Subject {
  /** `key shop`, `address 192.0.2.1`. */
  readonly name: string
  readonly limits: KeyLimits
}

/** What one request may use. */
export interface Allowance {
  /** Uses rows or tokens before the work. @throws SpillwayError `rate_limited` where there are not so many left. */
  use(what: Amount, count: number): Promise<void>
  /** Records what was used in the end, and was not known before. It refuses later requests only. */
  record(what: Amount, count: number): void
  /** The request has ended. */
  release(): void
}

export type Amount = 'rows' | 'tokens'

export interface Quota {
  readonly limit: number
  readonly remaining: number
  readonly resetMs: number
}

const limitOf = ({ rowsPerMinute, tokensPerMinute }: KeyLimits, what: Amount) =>
  what === 'rows' ? rowsPerMinute : tokensPerMinute

/** Milliseconds after which a caller with too many requests at once may try again. */
const concurrentRetryMs = 1_000

/** Holds callers to their limits: requests, rows and tokens by the minute, and requests at once. */
export class RateLimits {
  readonly #store: RateStore
  /** Requests in flight, by subject. This process's own: they bound it where the store cannot. */
  readonly #inFlight = new Map<string, number>()

  constructor(store: RateStore) {
    this.#store = store
  }

  /**
   * Admits a request, by its headers alone.
   *
   * @param what What it will use: without any left, it is refused before its body is read.
   * @param report Called with what each subject has left, also where that refuses the request.
   * @throws SpillwayError `rate_limited`.
   */
  async admit(
    subjects: readonly Subject[],
    what: Amount,
    report: (quota: Quota) => void,
  ): Promise<Allowance> {
    for (const subject of subjects) this.#checkInFlight(subject)
    // At once, before anything is awaited: many requests may come together.
    for (const { name } of subjects) this.#inFlight.set(name, (this.#inFlight.get(name) ?? 0) + 1)
    let isReleased = false
    const shared: (() => void)[] = []
    const release = () => {
      if (isReleased) return
      isReleased = true
      for (const { name } of subjects) this.#leave(name)
      for (const leave of shared) leave()
    }
    try {
      for (const subject of subjects) {
        const leave = await this.#takeShared(subject)
        if (leave) shared.push(leave)
        await this.#count(subject, report)
        await this.#checkLeft(subject, what, report)
      }
      return {
        use: (amount, count) => this.#use(subjects, amount, count),
        record: (amount, count) => this.#record(subjects, amount, count),
        release,
      }
    } catch (cause) {
      release()
      throw cause
    }
  }

  #checkInFlight({ name, limits: { concurrentRequests: limit } }: Subject): void {
    const inFlight = this.#inFlight.get(name) ?? 0
    if (limit !== undefined && inFlight >= limit) throw tooManyAtOnce(name, limit)
  }

  /** A place among the requests of all servers; undefined where only this process counts. */
  async #takeShared({ name, limits: { concurrentRequests: limit } }: Subject) {
    const { slots } = this.#store
    if (!slots || limit === undefined) return undefined
    const leave = await slots.take(name, limit).catch(() => 'unknown' as const)
    // The store reports that it cannot be reached.
    if (leave === 'unknown') return undefined
    if (!leave) throw tooManyAtOnce(name, limit)
    return leave
  }

  #leave(name: string): void {
    const left = (this.#inFlight.get(name) ?? 1) - 1
    if (left === 0) this.#inFlight.delete(name)
    else this.#inFlight.set(name, left)
  }

  async #count(
    { name, limits: { requestsPerMinute: limit } }: Subject,
    report: (quota: Quota) => void,
  ): Promise<void> {
    if (limit === undefined) return
    const used = await this.#store.add(`requests ${name}`, 1)
    report(quotaOf(limit, used))
    if (used.amount > limit) throw exceeded(name, 'requests', limit, used)
  }

  async #checkLeft({ name, limits }: Subject, what: Amount, report: (quota: Quota) => void): Promise<void> {
    const limit = limitOf(limits, what)
    if (limit === undefined) return
    const used = await this.#store.read(`${what} ${name}`)
    if (used.amount < limit) return
    report(quotaOf(limit, used))
    throw exceeded(name, what, limit, used)
  }

  async #use(subjects: readonly Subject[], what: Amount, count: number): Promise<void> {
    for (const { name, limits } of subjects) {
      const limit = limitOf(limits, what)
      if (limit === undefined) continue
      const used = await this.#store.read(`${what} ${name}`)
      if (used.amount + count > limit) throw exceeded(name, what, limit, used, count)
    }
    this.#record(subjects, what, count)
  }

  #record(subjects: readonly Subject[], what: Amount, count: number): void {
    // Redis's own failures are handled in the store.
    for (const { name, limits } of subjects)
      if (limitOf(limits, what) !== undefined)
        this.#store.add(`${what} ${name}`, count).catch(() => undefined)
  }
}

const quotaOf = (limit: number, { amount, resetMs }: Used): Quota => ({
  limit,
  remaining: Math.max(0, limit - amount),
  resetMs,
})

const tooManyAtOnce = (name: string, limit: number) =>
  new SpillwayError('rate_limited', `Too many requests of ${name} at once`, {
    expected: `at most ${limit}`,
    got: 'one more',
    retryAfterMs: concurrentRetryMs,
  })

const exceeded = (name: string, what: string, limit: number, used: Used, count?: number) =>
  new SpillwayError('rate_limited', `Too many ${what} of ${name}`, {
    expected: `at most ${limit} a minute, of which ${quotaOf(limit, used).remaining} are left`,
    got: count === undefined ? 'one more request' : `${count} more`,
    // More than a whole minute's never fits.
    ...(count !== undefined && count > limit ? {} : { retryAfterMs: used.resetMs }),
  })
