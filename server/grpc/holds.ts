/** Whether a probe finds no fault: it throws where it does. */
export function holds(check: () => unknown): boolean {
  try {
    check()
    return true
  } catch {
    return false
  }
}
