import { SpillwayError } from '../../../../models/core/index.ts'

/** Passes text on in pieces, up to the first stop string. */
export interface StopMatcher {
  /** The text that is certain: it is part of no stop string, whatever comes next. */
  push(text: string): string
  /** The text that was held back. */
  end(): string
  readonly stopped: boolean
}

/** @throws SpillwayError `input_value_invalid` for an empty stop string, which matches everywhere. */
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
      const keep = searches.reduce((longest, { matched }) => Math.max(longest, matched), 0)
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

/** The search of Knuth, Morris and Pratt: it reads each character once, however long the string is. */
function searchFor(stop: string) {
  // For each prefix of `stop`, by length: the length of the longest shorter prefix that is its suffix, too.
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
    /** Length of the longest prefix of the string that the text ends with. */
    get matched() {
      return matched
    },
    /** Takes one UTF-16 unit and returns whether the string is complete. */
    step(unit: number): boolean {
      matched = next(matched, unit)
      return matched === stop.length
    },
  }
}
