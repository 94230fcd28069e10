import type { Runtime } from '../api/runtime.ts'

declare global {
  interface Window {
    /** The page's runtime. */
    spillway: Runtime
  }
}
