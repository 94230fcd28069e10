import type { Progress } from '../../web/api/index.ts'

declare global {
  interface Window {
    /** The progress reports of a model's loading so far. */
    progress?: readonly Progress[]
  }
}
