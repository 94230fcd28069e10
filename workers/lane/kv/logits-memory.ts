import { elementCount } from '../../../models/core/index.ts'
import type { Ort, OrtTensor } from '../runtime/ort.ts'

/** A run whose logits are wanted. */
export interface LogitsRun {
  readonly rows: number
  /** Tokens of each row. */
  readonly count: number
  /** Whether the logits after each token are wanted, not after the last only. */
  readonly wantsEach: boolean
}

/**
 * Memory that runs write their logits into, one after the other. Logits that are made anew at each step are megabytes
 * that the garbage collector has to find: a tenth of the time of a small model on a CPU.
 * Half floats are made into floats anew anyway.
 */
export class LogitsMemory {
  readonly #createTensor: Ort['createTensor']
  /** What runs of a kind were seen to return. */
  readonly #forms = new Map<string, Form>()
  #data = new Float32Array()

  constructor(createTensor: Ort['createTensor']) {
    this.#createTensor = createTensor
  }

  /** For a run; null where the shape of its kind is not known yet. It is written over by the next. */
  tensor(run: LogitsRun): OrtTensor | null {
    const form = this.#forms.get(kindOf(run))
    if (!form) return null
    const shape = [run.rows, form.hasEach ? run.count : 1, form.vocabulary]
    const size = elementCount(shape)
    if (this.#data.length < size) this.#data = new Float32Array(size)
    return this.#createTensor('float32', this.#data.subarray(0, size), shape)
  }

  /** A run returned these. */
  learn(run: LogitsRun, { dims }: OrtTensor): void {
    const [rows, positions, vocabulary] = dims
    if (dims.length !== 3 || vocabulary === undefined || rows !== run.rows) return
    if (positions === run.count || positions === 1)
      this.#forms.set(kindOf(run), { hasEach: positions === run.count, vocabulary })
  }

  /** Gives the memory back, until the next run. */
  free(): void {
    this.#data = new Float32Array()
  }
}

interface Form {
  /** Whether there are logits after each token. */
  readonly hasEach: boolean
  readonly vocabulary: number
}

/** Runs of a kind return as many positions, however many rows and tokens they have. */
const kindOf = ({ count, wantsEach }: LogitsRun): string =>
  count === 1 ? 'step' : wantsEach ? 'each token' : 'last token'
