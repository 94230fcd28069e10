import type { Runtime } from '../api/create-runtime.ts'

declare global {
  /** The runtime of the page or of its worker, once the embed script has run. */
  var spillway: Runtime

  interface WindowEventMap {
    /** The embed script has set `spillway`. */
    'spillway:ready': CustomEvent<Runtime>
  }
}
