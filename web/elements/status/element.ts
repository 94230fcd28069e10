import { SpillwayElement, type View } from '../spillway-element.ts'

/**
 * `<spillway-status>`: how many requests of the page wait, and how many the device and the server have answered, with the
 * picture of the spillway.
 *
 * @fires error An `ErrorEvent`; its `error` is a SpillwayError.
 */
export class SpillwayStatusElement extends SpillwayElement {
  protected readonly settable = []

  protected async show(): Promise<View> {
    const [runtime, { createView }] = await Promise.all([this.getRuntime(), import('./view.ts')])
    return createView(this.root, runtime)
  }
}
