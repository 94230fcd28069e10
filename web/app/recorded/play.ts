/**
 * Plays a run that was recorded: shows each of its events at its time, or all at once where motion is reduced. A hidden
 * page waits.
 *
 * @param at Milliseconds since the start of the run, one for each event.
 * @param show Called with the number of events that are due now.
 * @param signal Ends it: the visitor has begun a run of his own.
 */
export function playRecording(
  at: readonly number[],
  show: (count: number) => void,
  signal: AbortSignal,
): void {
  const isStill = matchMedia('(prefers-reduced-motion: reduce)').matches
  const startedAt = performance.now()
  let shown = 0
  const step = (now: number) => {
    if (signal.aborted) return
    const passed = isStill ? Number.POSITIVE_INFINITY : now - startedAt
    let due = shown
    while (due < at.length && (at[due] ?? 0) <= passed) due++
    if (due > shown) show(due)
    shown = due
    if (shown < at.length) requestAnimationFrame(step)
  }
  requestAnimationFrame(step)
}
