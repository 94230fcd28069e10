import type { Drawing } from './drawing.ts'
import { find } from './find.ts'
import { contextOf, inkPath, wipe } from './ink.ts'
import { pathOf } from './stroke.ts'

/** Shows the drawing, sharp at every size and pixel density. */
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
  // The pixel density alone changes with the window's screen.
  window.addEventListener('resize', fit)
  for (const query of ['(prefers-color-scheme: dark)', '(forced-colors: active)']) {
    matchMedia(query).addEventListener('change', repaint)
  }
}
