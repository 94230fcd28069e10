import type { WireToolCallDelta } from '../../../../models/protocols/openai.ts'
import type { GeneratedToken } from '../../../protocol/generation.ts'
import type { GenerateResult, Piece, WrittenCall } from '../types.ts'
import type { Choice } from './choices.ts'

/** Writes the calls of streamed answers: each choice numbers its own. */
export class CallDeltas {
  readonly #counts = new Map<Choice, number>()

  /**
   * Two events for each call: its name, then its arguments. The tokens come with the last: a text that breaks off before
   * it is read again from before the calls.
   */
  eventsOf<T>(
    choice: Choice,
    { toolCalls = [], tokens }: Pick<Piece, 'toolCalls' | 'tokens'>,
    event: (delta: object, tokens: readonly GeneratedToken[]) => T,
  ): T[] {
    const deltas = toolCalls.flatMap(({ id, type, function: { name, arguments: json } }) => {
      const index = this.#counts.get(choice) ?? 0
      this.#counts.set(choice, index + 1)
      return [
        { index, id, type, function: { name, arguments: '' } },
        { index, function: { arguments: json } },
      ]
    })
    return deltas.map((delta, at) => event({ tool_calls: [delta] }, at === deltas.length - 1 ? tokens : []))
  }
}

/** A text that ended by itself and calls tools has a reason of its own. */
export const finishReasonOf = ({ finish, toolCalls }: Pick<GenerateResult, 'finish' | 'toolCalls'>) =>
  finish === 'stop' && toolCalls ? 'tool_calls' : finish

/**
 * Puts the calls of a streamed answer together again. A call is complete when its arguments are, when the next one begins,
 * or at the end.
 */
export class CallCollector {
  #open: { readonly index: number; readonly id: string; readonly name: string; json: string } | undefined
  #isDone = false

  /** The calls that these deltas complete. */
  add(deltas: readonly WireToolCallDelta[]): WrittenCall[] {
    return deltas.flatMap(({ index, id, function: written }) => {
      const at = index ?? 0
      const completed = this.#open?.index === at ? [] : this.end()
      if (this.#open?.index !== at) {
        this.#open = { index: at, id: id ?? `call_${at}`, name: written?.name ?? '', json: '' }
        this.#isDone = false
      }
      this.#open.json += written?.arguments ?? ''
      return isObject(this.#open.json) ? [...completed, ...this.end()] : completed
    })
  }

  /** The call that is not complete by itself. */
  end(): WrittenCall[] {
    if (!this.#open || this.#isDone) return []
    const { id, name, json } = this.#open
    this.#isDone = true
    return [{ id, type: 'function', function: { name, arguments: json } }]
  }
}

function isObject(json: string): boolean {
  if (!json.trimEnd().endsWith('}')) return false
  try {
    return typeof JSON.parse(json) === 'object'
  } catch {
    return false
  }
}
