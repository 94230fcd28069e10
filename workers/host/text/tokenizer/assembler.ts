import type { CreateTextAssembler } from '../types.ts'
import { createStopMatcher } from './stop-matcher.ts'

export const createTextAssembler: CreateTextAssembler = (tokenizer, stops, before) => {
  const decoder = tokenizer.streamDecoder(before)
  const matcher = createStopMatcher(stops)
  return {
    push: (token) => matcher.push(decoder.push(token)),
    end: () => matcher.push(decoder.end()) + matcher.end(),
    get stopped() {
      return matcher.stopped
    },
  }
}
