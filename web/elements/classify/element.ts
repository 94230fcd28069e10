import type { SpillwayError } from '../../../models/core/error.ts'
import type { Placement } from '../../../models/core/placement.ts'
import type { Timings } from '../../../models/core/result.ts'
import { type ElementEvents, type GetRuntime, SpillwayModelElement, type View } from '../spillway-element.ts'

/** What a model says about a drawing or a picture. */
export interface Classification {
  /** The likeliest label. */
  readonly label: string
  /** From 0 to 1. */
  readonly probability: number
  /** All labels, the likeliest first. */
  readonly labels: readonly { readonly label: string; readonly probability: number }[]
  readonly placement: Placement
  readonly timings: Timings
}

/** The events of `<spillway-classify>`, by type. */
export interface ClassifyEvents extends ElementEvents {
  readonly result: CustomEvent<Classification | null>
  readonly change: Event
}

/** What the view gets of its element. */
export interface ClassifyHost {
  readonly element: SpillwayClassifyElement
  readonly root: ShadowRoot
  readonly getRuntime: GetRuntime
  readonly report: (error: SpillwayError) => void
  /** There is another answer, or none. */
  readonly answered: (result: Classification | null) => void
}

export interface ClassifyView extends View {
  clear(): void
  classify(picture: Blob): void
}

/**
 * `<spillway-classify>`: a pad to draw on, a picture by file, drop or paste, and the camera, each with what a model says
 * about it. In a form its value is the label.
 *
 * @fires result There is another answer, or none: a `CustomEvent`, its `detail` as the property `result`.
 * @fires change The label is another one.
 * @fires error An `ErrorEvent`; its `error` is a SpillwayError.
 */
export class SpillwayClassifyElement extends SpillwayModelElement<ClassifyEvents> {
  static readonly formAssociated = true
  static readonly observedAttributes = [
    'model',
    'policy',
    'sources',
    'top',
    'mean',
    'std',
    'disabled',
    'required',
    'label',
  ]

  protected override readonly settable = ['model', 'policy', 'name', 'disabled', 'required']
  declare protected view: ClassifyView | undefined
  readonly #internals = this.attachInternals()
  #result: Classification | null = null
  #isFormDisabled = false

  /** What the model says now; null where nothing is drawn or chosen. */
  get result(): Classification | null {
    return this.#result
  }
  /** The label, as the form sends it; empty where there is none. */
  get value(): string {
    return this.#result?.label ?? ''
  }
  get form(): HTMLFormElement | null {
    return this.#internals.form
  }
  get name(): string {
    return this.getAttribute('name') ?? ''
  }
  set name(value: string) {
    this.setAttribute('name', value)
  }
  get disabled(): boolean {
    return this.#isFormDisabled || this.hasAttribute('disabled')
  }
  set disabled(value: boolean) {
    this.toggleAttribute('disabled', value)
  }
  get required(): boolean {
    return this.hasAttribute('required')
  }
  set required(value: boolean) {
    this.toggleAttribute('required', value)
  }
  get validity(): ValidityState {
    return this.#internals.validity
  }
  checkValidity(): boolean {
    return this.#internals.checkValidity()
  }
  reportValidity(): boolean {
    return this.#internals.reportValidity()
  }
  /** Clears the pad, the picture and the camera. */
  clear(): void {
    this.view?.clear()
  }
  /** Shows a picture and classifies it, as one that a visitor chooses. */
  classify(picture: Blob): void {
    this.onceShown(() => this.view?.classify(picture))
  }

  /** @internal */
  override attributeChangedCallback(): void {
    super.attributeChangedCallback()
    this.#validate()
  }
  /** @internal */
  formDisabledCallback(isDisabled: boolean): void {
    this.#isFormDisabled = isDisabled
    this.view?.update()
  }
  /** @internal */
  formResetCallback(): void {
    this.clear()
  }

  protected async show(): Promise<View> {
    const { createView } = await import('./view.ts')
    const { root, getRuntime, report } = this
    return createView({
      element: this,
      root,
      getRuntime,
      report,
      answered: (result) => {
        const isChanged = result?.label !== this.#result?.label
        this.#result = result
        this.#internals.setFormValue(result ? result.label : null)
        this.#validate()
        this.dispatchEvent(new CustomEvent('result', { detail: result }))
        if (isChanged) this.dispatchEvent(new Event('change', { bubbles: true }))
      },
    })
  }

  #validate(): void {
    if (this.required && !this.#result)
      this.#internals.setValidity({ valueMissing: true }, 'Draw, or choose a picture.')
    else this.#internals.setValidity({})
  }
}
