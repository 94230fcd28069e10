/** Calls `work` before the next frame, once for all calls until then. */
export function oncePerFrame(work: () => void): () => void {
  let isScheduled = false
  return () => {
    if (isScheduled) return
    isScheduled = true
    requestAnimationFrame(() => {
      isScheduled = false
      work()
    })
  }
}
