import { expect } from 'vitest'

interface Event {
  readonly id: string
  readonly object: string
  readonly model: string
  readonly usage?: unknown
  readonly choices: readonly {
    readonly index: number
    readonly text?: string
    readonly delta?: { readonly role?: string; readonly content?: string }
    readonly finish_reason: string | null
  }[]
}

/**
 * An answer as it is. Of a stream the texts, their ends and what comes with them: how many tokens an event has depends on
 * its reader.
 */
export function comparable(answer: unknown): unknown {
  if (!Array.isArray(answer)) return answer
  const events: readonly Event[] = answer
  const [first] = events
  const texts: string[] = []
  const roles: unknown[] = []
  const finishes: unknown[] = []
  for (const { index, text = '', delta = {}, finish_reason } of events.flatMap(({ choices }) => choices)) {
    texts[index] = `${texts[index] ?? ''}${delta.content ?? text}`
    if (delta.role) roles[index] = delta.role
    if (finish_reason) finishes[index] = finish_reason
  }
  return {
    object: first?.object,
    model: first?.model,
    texts,
    roles,
    finishes,
    usage: events.at(-1)?.usage,
    ids: new Set(events.map(({ id }) => id)).size,
  }
}

/** Fields that no two answers have in common. */
const own = ['id', 'created', 'system_fingerprint']

/** Matches an answer that was computed elsewhere: fractions may differ in their last digits. */
export function within(answer: unknown): unknown {
  if (typeof answer === 'number') return Number.isInteger(answer) ? answer : expect.closeTo(answer, 3)
  if (Array.isArray(answer)) return answer.map(within)
  if (typeof answer !== 'object' || answer === null) return answer
  return Object.fromEntries(
    Object.entries(answer).map(([name, value]) => [
      name,
      own.includes(name) ? expect.anything() : within(value),
    ]),
  )
}
