import type { Tokenizer } from '../types.ts'
import { createStopMatcher } from './stop-matcher.ts'

/** Turns tokens into text. It holds back half characters, and text that may be the beginning of a stop string. */
export interface TextAssembler {
  /** The text that is certain now. Nothing follows once it has stopped. */
  push(token: number): string
  /** The text that was held back and did not become a stop string. */
  end(): string
  /** Whether a stop string came. */
  readonly stopped: boolean
}

/** @param before Tokens that these follow; as `markers`, of `Tokenizer.streamDecoder`. */
export function createTextAssembler(
  tokenizer: Tokenizer,
  stops: readonly string[],
  before?: readonly number[],
  markers?: readonly string[],
): TextAssembler {
  const decoder = tokenizer.streamDecoder(before, markers)
  const matcher = createStopMatcher(stops)
  return {
    push: (token) => matcher.push(decoder.push(token)),
    end: () => matcher.push(decoder.end()) + matcher.end(),
    get stopped() {
      return matcher.stopped
    },
  }
}
