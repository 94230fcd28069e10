import type { SpillwayError } from '../../../models/core/error.ts'
import type { Placement } from '../../../models/core/placement.ts'
import type { Timings } from '../../../models/core/result.ts'
import type { SpillwayElementEvents } from '../events.ts'
import { SpillwayFormElement } from '../form-element.ts'
import type { GetRuntime, View } from '../spillway-element.ts'

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

/** The events of `<spillway-classify>`. */
export interface ClassifyEvents extends SpillwayElementEvents {
  /** There is another answer, or none. */
  result: CustomEvent<Classification | null>
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
export class SpillwayClassifyElement extends SpillwayFormElement<ClassifyEvents> {
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
  protected readonly missing = 'Draw, or choose a picture.'
  #result: Classification | null = null

  /** What the model says now; null where nothing is drawn or chosen. */
  get result(): Classification | null {
    return this.#result
  }
  /** Clears the pad, the picture and the camera. */
  clear(): void {
    this.view?.clear()
  }
  /** Shows a picture and classifies it, as one that a visitor chooses. */
  classify(picture: Blob): void {
    this.onceShown(() => this.view?.classify(picture))
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
        this.#result = result
        const isChanged = this.setValue(result?.label ?? null)
        this.dispatchEvent(new CustomEvent('result', { detail: result }))
        if (isChanged) this.dispatchChange()
      },
    })
  }
}
