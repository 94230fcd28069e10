/** The body of a stream of server-sent events, of which one may wait for the client. */
export class EventBody {
  readonly stream: ReadableStream<Uint8Array>
  readonly #encoder = new TextEncoder()
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined
  #isAborted = false
  #pulled: Promise<void> | undefined
  #resolvePulled = () => {}

  /** @param onAbort Called when the client leaves before the end. */
  constructor(onAbort: () => void) {
    this.stream = new ReadableStream({
      start: (controller) => {
        this.#controller = controller
      },
      pull: () => this.#onPull(),
      cancel: () => {
        this.#isAborted = true
        this.#onPull()
        onAbort()
      },
    })
  }

  /** Whether the client has left. */
  get isAborted(): boolean {
    return this.#isAborted
  }

  /** Resolves when the client's connection takes more. Events are dropped once the client has left. */
  async write(events: string): Promise<void> {
    if (this.#isAborted || !this.#controller) return
    this.#controller.enqueue(this.#encoder.encode(events))
    if (Number(this.#controller.desiredSize) > 0) return
    this.#pulled ??= new Promise((resolve) => {
      this.#resolvePulled = resolve
    })
    await this.#pulled
  }

  close(): void {
    if (!this.#isAborted) this.#controller?.close()
  }

  #onPull(): void {
    this.#pulled = undefined
    this.#resolvePulled()
  }
}
