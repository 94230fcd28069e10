import { version } from '../../package.json'

/** A copy of this library on the page. */
interface Copy {
  readonly version: string
  readonly script: string
}

const own: Copy = { version, script: import.meta.url }
const registered = Symbol.for('spillway.copy')
let hasWarned = false

/** Warns where another copy of the library has started a runtime on this page: nothing is shared with it. */
export function warnOfCopies(): void {
  const first: Copy | undefined = Reflect.get(globalThis, registered)
  if (!first) Reflect.set(globalThis, registered, own)
  if (!first || first === own || hasWarned) return
  hasWarned = true
  // biome-ignore lint/suspicious/noConsole: the author of the page has to see it, and no call fails by it.
  console.warn(
    `Two copies of Spillway run on this page: ${first.version} (${first.script}) and ${own.version} (${own.script}). Each has workers and memory of its own, and loads models by itself. Load one copy of one version.`,
  )
}
