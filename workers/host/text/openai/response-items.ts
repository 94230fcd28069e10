import { randomId } from '../random-id.ts'
import type { Piece, WrittenCall } from '../types.ts'

type Status = 'in_progress' | 'completed' | 'incomplete'

/** An event of a response: its type without `response.`, and its fields. */
export interface ItemEvent {
  readonly type: string
  readonly fields: object
}

/** What the items of one kind are called in their events. */
interface TextKind {
  readonly idPrefix: string
  /** The part of the item that has its text. */
  readonly part: (text: string) => object
  readonly event: string
  readonly item: (id: string, status: Status, content: readonly object[]) => object
}

const messages: TextKind = {
  idPrefix: 'msg',
  part: (text) => ({ type: 'output_text', text, annotations: [], logprobs: [] }),
  event: 'output_text',
  item: (id, status, content) => ({ id, type: 'message', role: 'assistant', status, content }),
}

const thoughts: TextKind = {
  idPrefix: 'rs',
  part: (text) => ({ type: 'reasoning_text', text }),
  event: 'reasoning_text',
  item: (id, status, content) => ({ id, type: 'reasoning', status, summary: [], content }),
}

interface OpenItem {
  readonly kind: TextKind
  readonly id: string
  text: string
}

/** The output of a response while it is written: each thought, message and call is an item, in their order. */
export class ResponseItems {
  readonly #done: object[] = []
  #open: OpenItem | undefined

  /** The items that have ended. */
  get output(): readonly object[] {
    return this.#done
  }

  /** Adds a piece and gives its events. */
  add({
    text,
    reasoning = '',
    toolCalls = [],
  }: Pick<Piece, 'text' | 'reasoning' | 'toolCalls'>): ItemEvent[] {
    return [
      ...(reasoning === '' ? [] : this.#write(thoughts, reasoning)),
      ...(text === '' ? [] : this.#write(messages, text)),
      ...toolCalls.flatMap((call) => [...this.#close('completed'), ...this.#call(call)]),
    ]
  }

  /** Ends the last item. A response without any item gets an empty message. */
  end(status: Status): ItemEvent[] {
    const opened = this.#done.length === 0 && !this.#open ? this.#begin(messages) : []
    return [...opened, ...this.#close(status)]
  }

  #write(kind: TextKind, delta: string): ItemEvent[] {
    const opened = this.#open?.kind === kind ? [] : [...this.#close('completed'), ...this.#begin(kind)]
    if (this.#open) this.#open.text += delta
    const extra = kind === messages ? { logprobs: [] } : {}
    return [...opened, { type: `${kind.event}.delta`, fields: { ...this.#place(), delta, ...extra } }]
  }

  #call({ id: call_id, function: { name, arguments: json } }: WrittenCall): ItemEvent[] {
    const id = `fc_${randomId()}`
    const place = { item_id: id, output_index: this.#done.length }
    const begun = { id, type: 'function_call', status: 'in_progress', call_id, name, arguments: '' }
    const item = { ...begun, status: 'completed', arguments: json }
    this.#done.push(item)
    return [
      { type: 'output_item.added', fields: { output_index: place.output_index, item: begun } },
      { type: 'function_call_arguments.delta', fields: { ...place, delta: json } },
      { type: 'function_call_arguments.done', fields: { ...place, name, arguments: json } },
      { type: 'output_item.done', fields: { output_index: place.output_index, item } },
    ]
  }

  #begin(kind: TextKind): ItemEvent[] {
    const id = `${kind.idPrefix}_${randomId()}`
    this.#open = { kind, id, text: '' }
    const item = kind.item(id, 'in_progress', [])
    return [
      { type: 'output_item.added', fields: { output_index: this.#done.length, item } },
      { type: 'content_part.added', fields: { ...this.#place(), part: kind.part('') } },
    ]
  }

  #close(status: Status): ItemEvent[] {
    if (!this.#open) return []
    const { kind, id, text } = this.#open
    const place = this.#place()
    const part = kind.part(text)
    const item = kind.item(id, status, [part])
    const extra = kind === messages ? { logprobs: [] } : {}
    this.#open = undefined
    this.#done.push(item)
    return [
      { type: `${kind.event}.done`, fields: { ...place, text, ...extra } },
      { type: 'content_part.done', fields: { ...place, part } },
      { type: 'output_item.done', fields: { output_index: place.output_index, item } },
    ]
  }

  #place() {
    return { item_id: this.#open?.id, output_index: this.#done.length, content_index: 0 }
  }
}
