import type { Policy } from '../../models/core/index.ts'

/** The policy of one text, which may change while the text is written. */
export interface TextPolicy {
  current: Policy
  /**
   * Told of a change while a text is written. One text of a request is written at a time.
   *
   * @throws SpillwayError Where the policy leaves no tier. The text then goes on under its policy so far.
   */
  onChange?: ((policy: Policy) => void) | undefined
}

/** @throws SpillwayError As `onChange` does. */
export function changePolicy(text: TextPolicy, policy: Policy): void {
  text.onChange?.(policy)
  text.current = policy
}
