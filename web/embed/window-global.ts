import type { Runtime } from '../api/create-runtime.ts'

declare global {
  interface Window {
    /** The page's runtime, once the embed script has run. */
    spillway: Runtime
  }
}
