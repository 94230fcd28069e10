import { SpillwayError } from '../../../models/core/index.ts'
import { countOf } from '../../../models/core/wording.ts'

/** A sequence needs at least one token to read, and space for one to generate. */
export function checkLength(prompt: number, context: number): void {
  if (prompt >= 1 && prompt < context) return
  throw new SpillwayError('context_exceeded', 'The prompt does not fit the context', {
    expected: `1 to ${context - 1} tokens`,
    got: `${prompt}`,
  })
}

export const noMemory = (tokens: number) =>
  new SpillwayError('memory_exhausted', 'There is no memory for the keys and values of this text', {
    got: countOf(tokens, 'token'),
    hint: 'Try a shorter text, or a smaller variant of the model.',
  })

export const wireError = (cause: unknown) =>
  SpillwayError.from(cause, 'internal', 'A sequence failed').toWire()
