/**
 * The end of this turn of the event loop, where messages are read: a runtime whose runs never leave the turn would
 * hear of no new sequence and of no abort. Unlike a timer, a message to oneself is not delayed.
 */
export function createTurn(): () => Promise<void> {
  const { port1, port2 } = new MessageChannel()
  let waiting: (() => void)[] = []
  port2.onmessage = () => {
    const due = waiting
    waiting = []
    for (const resolve of due) resolve()
  }
  return () =>
    new Promise<void>((resolve) => {
      waiting.push(resolve)
      port1.postMessage(null)
    })
}
