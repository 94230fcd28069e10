import { SpillwayError } from '../../../models/core/index.ts'
import { errorWords } from '../../view/error-words.ts'
import { find } from '../../view/find.ts'
import { countText, milliseconds } from '../../view/words.ts'
import { createFiguresView, type Figure } from '../figures-view.ts'
import type { Reading } from './history.ts'
import type { LoadGenerator } from './load-generator.ts'

// A text is written whole: a part that stays would move as the number beside it gets longer.
const count = (value: number, words = ''): Figure => [value, `${countText(Math.round(value))}${words}`]

/** Shows what the load has done so far, and how it does now. */
export function showFigures(place: HTMLElement, load: LoadGenerator): (reading: Reading) => void {
  const view = createFiguresView(find('dl', HTMLElement, place), [
    'answered',
    'rate',
    'lost',
    'skipped',
    'p50',
    'p99',
    'shared',
    'open',
  ])
  const failure = find('[data-part="failure"]', HTMLElement, place)
  return ({ device, server, p50, p95, p99, shared, open }) => {
    const { answered, lost, skipped, lastFailure } = load
    view.show({
      answered: count(answered.device + answered.server),
      rate: count(device + server, ' a second'),
      lost: count(lost),
      skipped: count(skipped, ' not made: too many were open'),
      open: count(open, ' without an answer'),
      ...(p50 !== undefined &&
        p95 !== undefined &&
        p99 !== undefined && {
          p99: [p99, milliseconds(p99)],
          p50: [p50, `95 within ${milliseconds(p95)}, half within ${milliseconds(p50)}`],
        }),
      ...(shared !== undefined && { shared: [shared, shared.toFixed(shared < 10 ? 1 : 0)] }),
    })
    const words = lost === 0 ? 'No call has failed.' : failureWords(lastFailure)
    if (failure.textContent !== words) failure.textContent = words
  }
}

function failureWords(cause: unknown): string {
  const { code } = SpillwayError.from(cause, 'internal', 'A call failed')
  return `The last failure: ${errorWords(code)} (${code}).`
}
