import type { Tier } from '../../../models/core/index.ts'
import { milliseconds, tierWords } from '../../view/words.ts'
import type { FiguresView } from '../figures-view.ts'
import { playRecording } from '../recorded/play.ts'
import type { SeamedText } from './seamed-text.ts'
import { TokenRate } from './token-rate.ts'

/** A text as it was once written. */
export interface RecordedText {
  /** Milliseconds until each piece came. */
  readonly at: readonly number[]
  readonly pieces: readonly string[]
  /** The tokens of each piece. */
  readonly tokens: readonly number[]
  /** The pieces of the place where it was begun; the other one wrote the rest. */
  readonly moved: number
}

export interface RecordedTextView {
  readonly text: SeamedText
  readonly figures: FiguresView<'rate' | 'first'>
  readonly show: (state: string) => void
}

const other: Readonly<Record<Tier, Tier>> = { device: 'server', server: 'device' }

/** Plays a recorded text in a column. Its figures are those of the recording. */
export function playText(
  { at, pieces, tokens, moved }: RecordedText,
  home: Tier,
  { text, figures, show }: RecordedTextView,
  signal: AbortSignal,
): void {
  let rate = new TokenRate()
  let shown = 0
  const first = at[0] ?? 0
  const advance = (count: number) => {
    // In one piece for each place: many are due at once where frames come late, and each addition costs a layout.
    const before = Math.min(count, moved)
    if (shown < before) text.add(pieces.slice(shown, before).join(''), home)
    if (count > moved) text.add(pieces.slice(Math.max(shown, moved), count).join(''), other[home])
    for (; shown < count; shown++) {
      // The rate is that of the place.
      if (shown === moved) rate = new TokenRate()
      rate.add(tokens[shown] ?? 0, at[shown] ?? 0)
    }
    const { perSecond } = rate
    figures.show({
      first: [first, milliseconds(first)],
      ...(perSecond !== undefined && { rate: [perSecond, String(Math.round(perSecond))] }),
    })
    const place = tierWords[shown <= moved ? home : other[home]]
    show(`Recorded on an earlier day. ${place}. Press Write for a text of your own.`)
  }
  playRecording(at, advance, signal)
}
