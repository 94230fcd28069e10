import type { Policy } from '../../models/core/index.ts'

/** The policy of one text, which may change while the text is written. */
export class TextPolicy {
  #current: Policy
  #onChange: ((policy: Policy) => void) | undefined

  constructor(policy: Policy) {
    this.#current = policy
  }

  get current(): Policy {
    return this.#current
  }

  /** @throws SpillwayError Where the policy leaves no tier. The text then goes on under its policy so far. */
  change(policy: Policy): void {
    this.#onChange?.(policy)
    this.#current = policy
  }

  /**
   * Listens while a text is written. One text of a request is written at a time.
   *
   * @returns A function that ends it.
   */
  listen(onChange: (policy: Policy) => void): () => void {
    this.#onChange = onChange
    return () => {
      this.#onChange = undefined
    }
  }
}
