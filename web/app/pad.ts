import type { Drawing } from './drawing.ts'
import { find } from './find.ts'
import { contextOf, inkPath, wipe } from './ink.ts'
import { pathOf } from './stroke.ts'

/** Shows the drawing at the canvas's size and pixel density. */
export function showDrawing(pad: HTMLElement, drawing: Drawing): void {
  const canvas = find('canvas', HTMLCanvasElement, pad)
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
  new ResizeObserver(fit).observe(canvas)
  // On another screen the pixel density changes without the size.
  window.addEventListener('resize', fit)
  for (const query of ['(prefers-color-scheme: dark)', '(forced-colors: active)']) {
    matchMedia(query).addEventListener('change', repaint)
  }
}
