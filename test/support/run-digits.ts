import type { Page } from 'playwright-core'
import '../../web/embed/window-global.ts'
import type { Placement, Policy, Progress } from '../../web/api/index.ts'
import './window-progress.ts'

export interface RunDigitsOptions {
  readonly policy?: Policy
  readonly model?: string
  readonly rows?: number
  readonly deadlineMs?: number
}

export interface DigitsRun {
  /** The digit recognised in the first row. */
  readonly digit: number
  readonly rows: number
  readonly placement: Placement
  readonly progress: readonly Progress[]
}

export interface DigitsFailure {
  readonly code: string
  readonly message: string
}

/** Loads a model with the page's own runtime and runs it once, on pictures of a one. */
export async function runDigits(page: Page, options: RunDigitsOptions = {}): Promise<DigitsRun> {
  const outcome = await tryDigits(page, options)
  if ('code' in outcome) throw new Error(`${outcome.code}: ${outcome.message}`)
  return outcome
}

/** The same for a run that should fail; resolves to its error. */
export async function failDigits(page: Page, options: RunDigitsOptions = {}): Promise<DigitsFailure> {
  const outcome = await tryDigits(page, options)
  if ('code' in outcome) return outcome
  throw new Error(`It ran: ${JSON.stringify(outcome.placement)}`)
}

const tryDigits = (page: Page, options: RunDigitsOptions): Promise<DigitsRun | DigitsFailure> =>
  page.evaluate(async ({ policy, model: id = 'digits', rows = 1, deadlineMs }) => {
    try {
      if (policy) window.spillway.policy = policy
      const progress: Progress[] = []
      window.progress = progress
      const model = await window.spillway.model(id, { onProgress: (now) => progress.push(now) })
      const data = new Float32Array(rows * 784)
      for (let row = 0; row < rows; row++) {
        for (let y = 4; y < 24; y++) data.fill(1, row * 784 + y * 28 + 12, row * 784 + y * 28 + 15)
      }
      const { outputs, placement } = await model.run(
        { image: { data, shape: [rows, 1, 28, 28] } },
        deadlineMs === undefined ? {} : { deadlineMs },
      )
      const logits = Array.from<unknown, number>(outputs.logits?.data ?? [], Number)
      const first = logits.slice(0, 10)
      return { digit: first.indexOf(Math.max(...first)), rows: logits.length / 10, placement, progress }
    } catch (error) {
      const { code = 'not ours', message } = error as DigitsFailure
      return { code, message }
    }
  }, options)
