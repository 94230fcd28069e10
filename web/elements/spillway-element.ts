import { systemClock } from '../../models/async/clock.ts'
import { importCode } from '../../models/async/import-code.ts'
import { SpillwayError } from '../../models/core/error.ts'
import type { Runtime } from '../api/create-runtime.ts'

/** An element whose events are of these types, those of all elements beside them. */
interface WithEvents<Events> {
  addEventListener<Type extends keyof Events>(
    type: Type,
    listener: (event: Events[Type]) => void,
    options?: AddEventListenerOptions | boolean,
  ): void
  removeEventListener<Type extends keyof Events>(
    type: Type,
    listener: (event: Events[Type]) => void,
    options?: EventListenerOptions | boolean,
  ): void
}

/** The events of every element of ours, by type. */
export interface ElementEvents {
  /** Its `error` is a SpillwayError. */
  readonly error: ErrorEvent
}

/** A server that renders pages imports the elements, too, and has no such class. */
const Base: new <Events>() => WithEvents<Events> & HTMLElement = globalThis.HTMLElement ?? (class {} as never)

/** What an element shows: code that is fetched when the first element of its kind is on the page. */
export interface View {
  /** An attribute or a property has changed. */
  update(): void
  /** The element has left the page: requests end, and nothing of the page is held any more. */
  close(): void
}

/** Resolves to the runtime that all elements share. */
export type GetRuntime = () => Promise<Runtime>

/** What all elements have in common: they fetch their code when they are first connected, and end when they leave. */
export abstract class SpillwayElement<Events = ElementEvents> extends Base<Events> {
  /** Set by `defineElements`. */
  static runtime: GetRuntime | undefined

  /** The properties that a page may set. */
  protected abstract readonly settable: readonly string[]
  protected readonly root: ShadowRoot
  protected view: View | undefined
  #isStarting = false
  #waiting: (() => void)[] = []
  /** Says why its code is not here. */
  #notice: Text | undefined

  constructor() {
    super()
    this.root = this.attachShadow({ mode: 'open', delegatesFocus: true })
  }

  /** Imports the code of this kind of element, and shows it. */
  protected abstract show(): Promise<View>

  /** The runtime of all elements. @throws SpillwayError Where its code does not load. */
  protected readonly getRuntime: GetRuntime = async () => {
    const { runtime } = SpillwayElement
    if (!runtime) throw new SpillwayError('internal', 'defineElements() has not set a runtime')
    return runtime()
  }

  /** Tells the page of a failure by the event `error`, as an `ErrorEvent` whose `error` is a SpillwayError. */
  protected readonly report = (error: SpillwayError): void => {
    this.dispatchEvent(new ErrorEvent('error', { error, message: error.message }))
  }

  /** Does it now, or once the element shows something. */
  protected onceShown(act: () => void): void {
    if (this.view) act()
    else this.#waiting.push(act)
  }

  /** @internal */
  connectedCallback(): void {
    this.#takeProperties()
    if (!this.view && !this.#isStarting) void this.#start()
  }

  /** @internal */
  disconnectedCallback(): void {
    // One that is moved within the page is connected again at once.
    queueMicrotask(() => {
      if (this.isConnected) return
      this.view?.close()
      this.view = undefined
    })
  }

  /** @internal */
  attributeChangedCallback(): void {
    this.view?.update()
  }

  /** Properties that were set before the element was defined would hide those of its class. */
  #takeProperties(): void {
    for (const name of this.settable) {
      const own = Object.getOwnPropertyDescriptor(this, name)
      if (!own) continue
      Reflect.deleteProperty(this, name)
      Reflect.set(this, name, own.value)
    }
  }

  async #start(): Promise<void> {
    this.#isStarting = true
    this.#notice?.remove()
    try {
      const view = await importCode(systemClock, `<${this.localName}>`, () => this.show())
      if (this.isConnected) {
        this.view = view
        for (const act of this.#waiting.splice(0)) act()
      } else view.close()
    } catch (cause) {
      const error = refusedPolicy(cause) ?? SpillwayError.from(cause, 'internal', 'The element failed')
      this.#notice = document.createTextNode(error.message)
      this.root.append(this.#notice)
      this.report(error)
    } finally {
      this.#isStarting = false
    }
  }
}

/** An element that asks a model. */
export abstract class SpillwayModelElement<Events> extends SpillwayElement<Events> {
  /** The id of its model, the address of a manifest, or `hf:owner/repo`. */
  get model(): string {
    return this.getAttribute('model') ?? ''
  }
  set model(value: string) {
    this.setAttribute('model', value)
  }

  /** Where its requests may run. Default: the runtime's policy. */
  get policy(): string {
    return this.getAttribute('policy') ?? ''
  }
  set policy(value: string) {
    this.setAttribute('policy', value)
  }
}

/** lit-html makes a policy of Trusted Types when it is loaded, and throws where the page's list leaves it out. */
function refusedPolicy(cause: unknown): SpillwayError | undefined {
  const reason = cause instanceof SpillwayError ? cause.cause : undefined
  if (!(reason instanceof TypeError) || !reason.message.includes('lit-html')) return undefined
  return new SpillwayError('not_supported', "The page's Trusted Types do not allow the elements' policy", {
    expected: 'trusted-types spillway lit-html',
    hint: "Add 'allow-duplicates' where the page has a lit of its own.",
  })
}
