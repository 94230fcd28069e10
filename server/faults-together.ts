import { SpillwayError } from '../models/core/index.ts'

/** One fault as it is; several as one error with a line for each and the first one's code. */
export function faultsTogether(what: string, faults: readonly SpillwayError[]): SpillwayError {
  const [first] = faults
  if (first && faults.length === 1) return first
  const lines = faults.map(({ message }) => `- ${message}`)
  return SpillwayError.fromWire({
    code: first?.code ?? 'internal',
    message: [`${what} has ${faults.length} faults:`, ...lines].join('\n'),
    detail: {},
  })
}
