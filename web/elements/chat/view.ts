import { html, nothing, render } from 'lit/html.js'
import type { SpillwayError } from '../../../models/core/error.ts'
import type { ChatMessage } from '../../../workers/host/text/types.ts'
import { find } from '../../view/find.ts'
import { oncePerFrame } from '../../view/once-per-frame.ts'
import { countOf, tierWords } from '../../view/words.ts'
import { countOfAttribute, policyOf } from '../shared/attributes.ts'
import { ElementModel } from '../shared/element-model.ts'
import { faultOf, faultView } from '../shared/fault.ts'
import { baseSheet } from '../shared/sheet.ts'
import { Answer, writeAnswer } from './answer.ts'
import type { ChatHost, ChatView } from './element.ts'
import { chatSheet } from './sheet.ts'

/** What the attributes say. */
const settingsOf = (element: HTMLElement) => ({
  model: element.getAttribute('model') ?? 'bard',
  policy: policyOf(element),
  system: element.getAttribute('system') ?? '',
  maxTokens: countOfAttribute(element, 'max-tokens', { least: 1, most: 1_000_000, otherwise: 256 }),
})

/** A message of the visitor, or an answer. */
type Turn = string | Answer

export const createView = (host: ChatHost): ChatView => new Conversation(host)

class Conversation implements ChatView {
  readonly #host: ChatHost
  readonly #model: ElementModel
  readonly #log: HTMLElement
  readonly #input: HTMLTextAreaElement
  #turns: Turn[] = []
  #writing: AbortController | undefined
  #error: SpillwayError | undefined
  #loading = ''
  #isClosed = false
  /** The log is at its end: it follows the text. */
  #follows = true
  readonly #renderSoon = oncePerFrame(() => this.#render())

  constructor(host: ChatHost) {
    this.#host = host
    const { root } = host
    root.adoptedStyleSheets = [baseSheet, chatSheet]
    this.#model = new ElementModel(host.getRuntime, (loading) => {
      this.#loading = loading
      this.#render()
    })
    this.#render()
    this.#log = find('.log', HTMLElement, root)
    this.#input = find('textarea', HTMLTextAreaElement, root)
    this.#open()
  }

  get messages(): readonly ChatMessage[] {
    const complete = this.#writing ? this.#turns.slice(0, -1) : this.#turns
    return complete.map(
      (turn): ChatMessage =>
        typeof turn === 'string'
          ? { role: 'user', content: turn }
          : { role: 'assistant', content: turn.text },
    )
  }

  update(): void {
    this.#error = undefined
    this.#render()
    this.#open()
  }

  close(): void {
    this.stop()
    this.#model.close()
    this.#isClosed = true
    // Connected again, the element begins anew.
    render(nothing, this.#host.root)
  }

  send(text: string): void {
    if (text.trim() === '' || this.#writing) return
    this.#turns.push(text)
    this.#host.added({ role: 'user', content: text })
    void this.#write()
  }

  stop(): void {
    this.#writing?.abort()
  }

  clear(): void {
    this.stop()
    this.#writing = undefined
    this.#turns = []
    this.#error = undefined
    this.#render()
  }

  /** Loads the model before the first message. */
  #open(): void {
    try {
      const { model, policy } = settingsOf(this.#host.element)
      this.#model.open(model, policy).catch((cause: unknown) => this.#fail(cause))
    } catch (cause) {
      this.#fail(cause)
    }
  }

  /** Answers the last message. Never rejects. */
  async #write(): Promise<void> {
    const abort = new AbortController()
    const answer = new Answer()
    const { signal } = abort
    const turns = this.#turns
    try {
      const { model: id, policy, system, maxTokens } = settingsOf(this.#host.element)
      const messages: ChatMessage[] = [
        ...(system === '' ? [] : [{ role: 'system', content: system } as const]),
        ...this.messages,
      ]
      this.#writing = abort
      this.#error = undefined
      this.#follows = true
      turns.push(answer)
      this.#render()
      const model = await this.#model.open(id, policy)
      signal.throwIfAborted()
      await writeAnswer(model, answer, { messages, maxTokens, policy, signal, onPiece: this.#renderSoon })
      this.#ended(abort, turns, answer)
    } catch (cause) {
      this.#ended(abort, turns, answer)
      if (!signal.aborted) this.#fail(cause)
    }
  }

  /** What was written stays, also of an answer that was stopped or has failed. */
  #ended(abort: AbortController, turns: Turn[], answer: Answer): void {
    if (this.#writing === abort) this.#writing = undefined
    if (answer.tokens === 0 && turns.at(-1) === answer) turns.pop()
    if (answer.tokens > 0 && !this.#isClosed && turns === this.#turns)
      this.#host.added({ role: 'assistant', content: answer.text })
    this.#render()
  }

  #fail(cause: unknown): void {
    if (this.#isClosed) return
    const error = faultOf(cause)
    // A model that is no longer wanted.
    if (error.code === 'aborted') return
    this.#error = error
    this.#render()
    this.#host.report(error)
  }

  #retry(): void {
    this.#error = undefined
    this.#render()
    if (typeof this.#turns.at(-1) === 'string') void this.#write()
    else this.#open()
  }

  #submit(event: Event): void {
    event.preventDefault()
    const { value } = this.#input
    if (this.#writing || value.trim() === '') return
    this.#input.value = ''
    this.send(value)
  }

  #render(): void {
    if (this.#isClosed) return
    render(this.#template(), this.#host.root)
    const log = this.#log as HTMLElement | undefined
    if (log && this.#follows) log.scrollTop = log.scrollHeight
  }

  #template() {
    const { element } = this.#host
    const label = element.getAttribute('label') ?? 'Chat'
    const isWriting = this.#writing !== undefined
    return html`<div class="frame" part="frame" ?inert=${element.disabled}>
      <div class="log" part="log" role="log" tabindex="0" aria-label=${label} aria-busy=${isWriting ? 'true' : 'false'}
        @scroll=${(event: Event) => this.#scrolled(event)}>
        ${this.#turns.length === 0 ? html`<slot name="empty"><p class="quiet">Write something to begin.</p></slot>` : nothing}
        ${this.#turns.map((turn) => (typeof turn === 'string' ? question(turn) : answerView(turn, isWriting)))}
      </div>
      <p class="loading" part="loading">${this.#loading}</p>
      ${faultView(this.#error, () => this.#retry())}
      <form part="form" @submit=${(event: Event) => this.#submit(event)}>
        <textarea part="input" rows="2" aria-label="Your message"
          placeholder=${element.getAttribute('placeholder') ?? 'Your message'}
          @keydown=${(event: KeyboardEvent) => {
            // Enter also ends what an input method composes.
            if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) this.#submit(event)
          }}></textarea>
        ${
          isWriting
            ? html`<button type="button" part="button" @click=${() => this.stop()}>Stop</button>`
            : html`<button type="submit" part="button">Send</button>`
        }
      </form>
    </div>`
  }

  #scrolled({ currentTarget }: Event): void {
    if (!(currentTarget instanceof HTMLElement)) return
    const { scrollTop, scrollHeight, clientHeight } = currentTarget
    this.#follows = scrollHeight - scrollTop - clientHeight < 24
  }
}

const question = (text: string) =>
  html`<div class="message user" part="message user"><span class="unseen">You: </span>${text}</div>`

function answerView(answer: Answer, isWriting: boolean) {
  const { runs, reasoning, tokens, placement, perSecond, droppedMessages } = answer
  const rate = perSecond === undefined ? '' : `, ${Math.round(perSecond)} a second`
  const dropped = droppedMessages === 0 ? '' : `, without the ${countOf(droppedMessages, 'oldest message')}`
  return html`<div class="message assistant" part="message assistant"><span class="unseen">Answer: </span>${
    reasoning === ''
      ? nothing
      : html`<details part="reasoning"><summary>Thought</summary>${reasoning}</details>`
  }${runs.map(
    ({ tier, text }, index) =>
      html`${index > 0 ? html`<span class="unseen"> (${tierWords[tier]}:) </span>` : nothing}<span class="run" part="text" data-tier=${tier}>${text}</span>`,
  )}${
    placement
      ? html`<p class="place" part="place" data-tier=${placement.tier}><span class="mark" aria-hidden="true"></span>${tierWords[placement.tier]}, ${countOf(tokens, 'token')}${rate}${dropped}</p>`
      : html`<p class="place">${isWriting ? 'Waiting' : ''}</p>`
  }</div>`
}
