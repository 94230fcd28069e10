import { SpillwayError } from '../../../../models/core/index.ts'

/** Text that comes in pieces, up to the first of some strings. */
export interface StopMatcher {
  /** What is sure: it is no part of a stop string, whatever comes next. */
  push(text: string): string
  /** What was held back. */
  end(): string
  readonly stopped: boolean
}

/** @throws SpillwayError `input_value_invalid` for an empty stop string: it would stop everything. */
export function createStopMatcher(stops: readonly string[]): StopMatcher {
  if (stops.includes('')) {
    throw new SpillwayError('input_value_invalid', 'A stop string is empty', {
      expected: 'strings of at least one character',
    })
  }
  const searches = stops.map(searchFor)
  let held = ''
  let stopped = false
  return {
    push(text) {
      if (stopped) return ''
      const all = held + text
      for (let at = 0; at < text.length; at++) {
        const unit = text.charCodeAt(at)
        let longest = 0
        for (const search of searches) {
          if (search.step(unit)) longest = Math.max(longest, search.length)
        }
        if (longest === 0) continue
        stopped = true
        const end = held.length + at + 1
        held = ''
        return all.slice(0, end - longest)
      }
      const keep = searches.reduce((most, { matched }) => Math.max(most, matched), 0)
      held = keep === 0 ? '' : all.slice(-keep)
      return keep === 0 ? all : all.slice(0, -keep)
    },
    end() {
      const rest = held
      held = ''
      return rest
    },
    get stopped() {
      return stopped
    },
  }
}

/** Knuth, Morris and Pratt's search: one look at each character, however long the string is. */
function searchFor(stop: string) {
  // By length of a beginning of `stop`: that of the longest shorter beginning that it ends with.
  const shorter = new Int32Array(stop.length + 1)
  const next = (matched: number, unit: number): number => {
    let from = matched
    while (from > 0 && stop.charCodeAt(from) !== unit) from = shorter[from] ?? 0
    return stop.charCodeAt(from) === unit ? from + 1 : 0
  }
  for (let length = 2; length <= stop.length; length++) {
    shorter[length] = next(shorter[length - 1] ?? 0, stop.charCodeAt(length - 1))
  }
  let matched = 0
  return {
    length: stop.length,
    /** How much of the string the text ends with. */
    get matched() {
      return matched
    },
    /** Takes one UTF-16 unit; tells whether the string is complete. */
    step(unit: number): boolean {
      matched = next(matched, unit)
      return matched === stop.length
    },
  }
}
