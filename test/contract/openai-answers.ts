import { expect } from 'vitest'

interface Event {
  readonly id: string
  readonly object: string
  readonly model: string
  readonly usage?: unknown
  readonly dropped_messages?: number
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
  return 'sequence_number' in Object(answer[0]) ? comparableResponse(answer) : comparableChoices(answer)
}

interface ResponseEvent {
  readonly type: string
  readonly sequence_number: number
  readonly delta?: string
  readonly response?: object
}

function comparableResponse(events: readonly ResponseEvent[]): unknown {
  const names = events.map(({ type }) => type)
  const { output_text: _, ...response }: { output_text?: string } = Object(events.at(-1)?.response)
  return {
    names: names.filter((name, index) => name !== names[index - 1]),
    text: events.map(({ delta = '' }) => delta).join(''),
    isNumbered: events.every(({ sequence_number }, index) => sequence_number === index),
    response,
  }
}

function comparableChoices(events: readonly Event[]): unknown {
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
    dropped_messages: first?.dropped_messages,
    ids: new Set(events.map(({ id }) => id)).size,
  }
}

/** Fields that two answers need not have in common. What is cached depends on what was asked before. */
const own = ['id', 'created', 'created_at', 'system_fingerprint', 'cached_tokens']

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
