/** What gets a turn. */
interface TurnTaker {
  tick(): void
  skip(): void
}

/** Milliseconds of an animation frame that go to reading frames: the page has other work in its sixteen. */
const budgetMs = 8

/**
 * Gives each stream its turn, one after the other, in each animation frame as long as there is time. In a hidden page none
 * has a turn.
 */
export function takeTurns(streams: () => readonly TurnTaker[], signal: AbortSignal): void {
  let next = 0
  let wasHidden = false
  const turn = () => {
    if (signal.aborted) return
    requestAnimationFrame(turn)
    const all = streams()
    if (document.hidden || all.length === 0) {
      wasHidden = document.hidden
      return
    }
    if (wasHidden) for (const stream of all) stream.skip()
    wasHidden = false
    const end = performance.now() + budgetMs
    for (let taken = 0; taken < all.length && performance.now() < end; taken++)
      all[next++ % all.length]?.tick()
  }
  // A browser that hides the page calls back no frame, which would say so.
  document.addEventListener('visibilitychange', () => (wasHidden ||= document.hidden), { signal })
  requestAnimationFrame(turn)
}
