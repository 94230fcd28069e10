import type { Drawing } from './drawing.ts'
import { contextOf, inkPath, wipe } from './ink.ts'
import { pathOf } from './stroke.ts'

/**
 * Shows the drawing at the canvas's size and pixel density. `pad` has the attribute `data-empty` while there is none.
 *
 * @param signal Ends it: what the window and its media queries hold is let go.
 */
export function showDrawing(
  pad: HTMLElement,
  canvas: HTMLCanvasElement,
  drawing: Drawing,
  signal = new AbortController().signal,
): void {
  const context = contextOf(canvas)
  let colour = ''

  const repaint = () => {
    colour = getComputedStyle(canvas).color
    wipe(context)
    inkPath(context, canvas.width, colour, drawing.strokes.map(pathOf).join(''))
  }

  drawing.onChange(({ ink }) => {
    pad.toggleAttribute('data-empty', drawing.isEmpty)
    if (ink === null) wipe(context)
    else inkPath(context, canvas.width, colour, ink)
  })
  const fit = () => {
    const side = Math.round(canvas.clientWidth * devicePixelRatio)
    if (side === canvas.width) return
    canvas.width = side
    canvas.height = side
    repaint()
  }
  const sizes = new ResizeObserver(fit)
  sizes.observe(canvas)
  signal.addEventListener('abort', () => sizes.disconnect())
  // On another screen the pixel density changes without the size.
  window.addEventListener('resize', fit, { signal })
  for (const query of ['(prefers-color-scheme: dark)', '(forced-colors: active)']) {
    matchMedia(query).addEventListener('change', repaint, { signal })
  }
}
