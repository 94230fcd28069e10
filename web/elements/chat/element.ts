import type { SpillwayError } from '../../../models/core/error.ts'
import type { ChatMessage } from '../../../workers/host/text/types.ts'
import { type ElementEvents, type GetRuntime, SpillwayModelElement, type View } from '../spillway-element.ts'

/** The events of `<spillway-chat>`, by type. */
export interface ChatEvents extends ElementEvents {
  readonly message: CustomEvent<ChatMessage>
}

/** What the view gets of its element. */
export interface ChatHost {
  readonly element: SpillwayChatElement
  readonly root: ShadowRoot
  readonly getRuntime: GetRuntime
  readonly report: (error: SpillwayError) => void
  /** A message is complete. */
  readonly added: (message: ChatMessage) => void
}

export interface ChatView extends View {
  readonly messages: readonly ChatMessage[]
  send(text: string): void
  stop(): void
  clear(): void
}

/**
 * `<spillway-chat>`: a chat with a model. Text is marked by the place that wrote it.
 *
 * @fires message A message of either side is complete: a `CustomEvent` whose `detail` has `role` and `content`.
 * @fires error An `ErrorEvent`; its `error` is a SpillwayError.
 */
export class SpillwayChatElement extends SpillwayModelElement<ChatEvents> {
  static readonly observedAttributes = [
    'model',
    'policy',
    'system',
    'max-tokens',
    'placeholder',
    'label',
    'disabled',
  ]

  protected readonly settable = ['model', 'policy', 'system', 'disabled']
  declare protected view: ChatView | undefined

  /** What the model is told before the first message. */
  get system(): string {
    return this.getAttribute('system') ?? ''
  }
  set system(value: string) {
    this.setAttribute('system', value)
  }
  get disabled(): boolean {
    return this.hasAttribute('disabled')
  }
  set disabled(value: boolean) {
    this.toggleAttribute('disabled', value)
  }
  /** The complete messages so far, without the system's. */
  get messages(): readonly ChatMessage[] {
    return this.view?.messages ?? []
  }
  /** Sends a message, as one that a visitor writes. */
  send(text: string): void {
    this.onceShown(() => this.view?.send(text))
  }
  /** Ends the answer that is being written. */
  stop(): void {
    this.view?.stop()
  }
  /** Ends the answer, and forgets all messages. */
  clear(): void {
    this.view?.clear()
  }

  protected async show(): Promise<View> {
    const { createView } = await import('./view.ts')
    const { root, getRuntime, report } = this
    const added = (message: ChatMessage) =>
      this.dispatchEvent(new CustomEvent('message', { detail: message }))
    return createView({ element: this, root, getRuntime, report, added })
  }
}
