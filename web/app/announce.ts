/** Milliseconds of rest before something is said: a screen reader must not follow every move of the pen. */
const restMs = 700

export interface Announcer {
  now(text: string): void
  /** Said when nothing newer came for a while. */
  settled(text: string): void
}

/** Speaks through a polite live region. */
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
