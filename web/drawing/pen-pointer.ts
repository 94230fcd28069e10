import type { Drawing } from './drawing.ts'
import type { Point } from './stroke.ts'

/** Draws by mouse, finger or pen: one pointer at a time, followed beyond the pad's edge until it is lifted. */
export function drawByPointer(pad: HTMLElement, drawing: Drawing): void {
  let pointer: number | undefined
  let bounds = new DOMRectReadOnly()
  const pointOf = ({ clientX, clientY }: PointerEvent): Point => ({
    x: (clientX - bounds.left) / bounds.width,
    y: (clientY - bounds.top) / bounds.height,
  })

  pad.addEventListener('pointerdown', (event) => {
    if (pointer !== undefined || event.button !== 0) return
    pointer = event.pointerId
    bounds = pad.getBoundingClientRect()
    pad.setPointerCapture(pointer)
    drawing.begin(pointOf(event))
  })
  pad.addEventListener('pointermove', (event) => {
    if (event.pointerId !== pointer) return
    // Safari before 18.2 lacks the method; a synthetic event has an empty list.
    const coalesced = event.getCoalescedEvents?.() ?? []
    for (const each of coalesced.length > 0 ? coalesced : [event]) drawing.extend(pointOf(each))
  })
  const lift = (event: PointerEvent) => {
    if (event.pointerId !== pointer) return
    pointer = undefined
    drawing.end()
  }
  pad.addEventListener('pointerup', lift)
  pad.addEventListener('pointercancel', lift)
}
