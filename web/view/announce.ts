/** Milliseconds without change before a text is announced: a screen reader must not follow every move of the pen. */
const restMs = 700

export interface Announcer {
  /** Announces at once. */
  now(text: string): void
  /** Announces once no newer text has come for a while. */
  settled(text: string): void
}

/** Announces through a polite live region. */
export function createAnnouncer(region: HTMLElement): Announcer {
  let timer: number | undefined
  const say = (text: string) => {
    window.clearTimeout(timer)
    region.textContent = text
  }
  return {
    now: say,
    settled: (text) => {
      window.clearTimeout(timer)
      timer = window.setTimeout(say, restMs, text)
    },
  }
}
