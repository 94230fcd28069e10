import type { Drawing } from './drawing.ts'
import { find } from './find.ts'
import { contextOf, inkPath, wipe } from './ink.ts'
import { pathOf } from './stroke.ts'

/** Shows the drawing, sharp at every size and pixel density. */
export function showDrawing(pad: HTMLElement, drawing: Drawing): void {
  const canvas = find('canvas', HTMLCanvasElement, pad)
  const context = contextOf(canvas)
  let colour = getComputedStyle(canvas).color

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
  new ResizeObserver(([entry]) => {
    const side = entry ? pixelSide(entry) : 0
    if (side === 0 || side === canvas.width) return
    canvas.width = side
    canvas.height = side
    repaint()
  }).observe(canvas)
  for (const query of ['(prefers-color-scheme: dark)', '(forced-colors: active)']) {
    matchMedia(query).addEventListener('change', repaint)
  }
}

function pixelSide({ devicePixelContentBoxSize, contentRect }: ResizeObserverEntry): number {
  // Not in Safari.
  const exact: readonly ResizeObserverSize[] | undefined = devicePixelContentBoxSize
  return exact?.[0]?.inlineSize ?? Math.round(contentRect.width * devicePixelRatio)
}
