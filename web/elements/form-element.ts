import type { SpillwayElementEvents } from './events.ts'
import { SpillwayModelElement } from './spillway-element.ts'

/** An element that asks a model, and is a control of its form: its value is what the visitor has made or chosen. */
export abstract class SpillwayFormElement<
  Events extends SpillwayElementEvents,
> extends SpillwayModelElement<Events> {
  static readonly formAssociated = true

  /** What a visitor is told who leaves it without a value though it is required. */
  protected abstract readonly missing: string
  readonly #internals = this.attachInternals()
  #value: string | null = null
  #isFormDisabled = false

  /** Forgets what the visitor has made or chosen. */
  abstract clear(): void

  /** As the form sends it; empty where there is none. */
  get value(): string {
    return this.#value ?? ''
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

  /** @returns Whether it is another value: then the event `change` is due. */
  protected setValue(value: string | null): boolean {
    const isChanged = value !== this.#value
    this.#value = value
    this.#internals.setFormValue(value)
    this.#validate()
    return isChanged
  }

  protected dispatchChange(): void {
    this.dispatchEvent(new Event('change', { bubbles: true }))
  }

  #validate(): void {
    if (this.required && this.#value === null)
      this.#internals.setValidity({ valueMissing: true }, this.missing)
    else this.#internals.setValidity({})
  }
}
