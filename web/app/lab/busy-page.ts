/** Milliseconds for which the page's thread is held, and between two such times. */
const heldMs = 200
const everyMs = 1_000

/** Holds the page's thread now and then, as a page with much to do does. @returns How to stop it. */
export function keepBusy(): () => void {
  const timer = setInterval(() => {
    const until = performance.now() + heldMs
    while (performance.now() < until);
  }, everyMs)
  return () => clearInterval(timer)
}
