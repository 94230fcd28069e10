import './window-global.ts'
import type { Runtime } from '../api/create-runtime.ts'

/**
 * Sets `spillway` and dispatches `spillway:ready`. Where another copy of the script has set it, that one stays: the
 * page's models are loaded there, and two runtimes would share nothing.
 *
 * @param tagged The address of this copy where a tag loads it. A script that imports `createRuntime` expects no global.
 */
export function setGlobal(start: () => Runtime, tagged: string | undefined): void {
  const present: unknown = Reflect.get(globalThis, 'spillway')
  // Not an element of the page, which browsers offer by its id.
  if (typeof present === 'object' && present !== null && 'model' in present) {
    if (tagged === undefined) return
    // biome-ignore lint/suspicious/noConsole: the author of the page has to see it, and no call fails by it.
    console.warn(
      `Spillway is on this page already: window.spillway stays as it is, and ${tagged} does not replace it. Keep one script tag. A script that needs a second runtime imports createRuntime.`,
    )
    return
  }
  const runtime = start()
  globalThis.spillway = runtime
  globalThis.dispatchEvent(new CustomEvent('spillway:ready', { detail: runtime }))
}
