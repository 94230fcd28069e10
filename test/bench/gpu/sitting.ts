import { messageOf } from '../../../models/core/index.ts'
import { print, tell } from './tell.ts'

export interface Side<T> {
  readonly name: string
  /** Where ours fails, the command fails in the end; without a peer it goes on. */
  readonly isOurs: boolean
  /** A figure as a line. */
  readonly show: (figure: T) => string
}

/**
 * One run of the bench. Each side of it fails alone, since the figures of the others are worth keeping, and each figure is
 * printed as soon as it is known: a run that is cut off has not lost those before.
 */
export class Sitting {
  readonly #notes: string[] = []
  #hasFailed = false

  /** What failed or was left out, and why. */
  get notes(): readonly string[] {
    return this.#notes
  }

  /** Whether one of our sides failed. */
  get hasFailed(): boolean {
    return this.#hasFailed
  }

  note(text: string): void {
    this.#notes.push(text)
    tell(text)
  }

  fail(text: string): void {
    this.#hasFailed = true
    this.note(text)
  }

  /** @returns The figures that the side found, up to where it failed. */
  async measure<T>(
    { name, isOurs, show }: Side<T>,
    work: (found: (figure: T) => void) => Promise<void>,
  ): Promise<T[]> {
    const figures: T[] = []
    try {
      await work((figure) => {
        figures.push(figure)
        print(show(figure))
      })
    } catch (cause) {
      const outcome = figures.length > 0 ? 'not measured any further' : 'left out'
      const text = `${name}: ${outcome} because it failed: ${reasonOf(cause)}`
      if (isOurs) this.fail(text)
      else this.note(text)
    }
    return figures
  }
}

/** The first line: errors of pages have their stack in their message. */
export const reasonOf = (cause: unknown): string => messageOf(cause).split('\n')[0] ?? ''
