import { penWidth } from './stroke.ts'

/** Draws a path, given in shares of the side, on a canvas or a part of it of `side` pixels. */
export function inkPath(
  context: CanvasRenderingContext2D,
  side: number,
  colour: string,
  path: string,
  left = 0,
  top = 0,
): void {
  context.setTransform(side, 0, 0, side, left, top)
  context.lineWidth = penWidth
  context.lineCap = 'round'
  context.lineJoin = 'round'
  context.strokeStyle = colour
  context.stroke(new Path2D(path))
}

export function wipe(context: CanvasRenderingContext2D): void {
  context.resetTransform()
  context.clearRect(0, 0, context.canvas.width, context.canvas.height)
}

/** @throws Error where the browser has no 2D context left: the page cannot work without one. */
export function contextOf(canvas: HTMLCanvasElement, options?: CanvasRenderingContext2DSettings) {
  const context = canvas.getContext('2d', options)
  if (!context) throw new Error('The browser gave no 2D canvas')
  return context
}
