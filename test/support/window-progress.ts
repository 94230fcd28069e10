import type { Progress } from '../../web/api/index.ts'

declare global {
  interface Window {
    /** What loading a model has told so far. */
    progress?: readonly Progress[]
  }
}
