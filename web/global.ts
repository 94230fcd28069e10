import type { Runtime } from './runtime.ts'

declare global {
  interface Window {
    /** The page's runtime. */
    spillway: Runtime
  }
}
