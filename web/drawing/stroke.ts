/** A point on the pad, in shares of its side. */
export interface Point {
  readonly x: number
  readonly y: number
}

/** The points of the pen between down and up. */
export type Stroke = readonly Point[]

/** The pen's width in shares of the pad's side: a digit of usual size gets lines as wide as MNIST's. */
export const penWidth = 0.07

/** A stroke as SVG path data: a curve from the first point to the last through the midpoints between points. */
export const pathOf = (stroke: Stroke): string =>
  stroke.map((_, index) => pieceAt(stroke, index)).join('') + endOf(stroke)

/** The path that the point at `index` adds to the stroke. */
export function pieceAt(stroke: Stroke, index: number): string {
  const point = stroke[index]
  if (!point) return ''
  const before = stroke[index - 1]
  // Not every browser draws the round ends of a line without length.
  if (!before) return `M${at(point)}l.0001 0`
  const middle = halfway(before, point)
  const earlier = stroke[index - 2]
  if (!earlier) return `M${at(before)}L${at(middle)}`
  return `M${at(halfway(earlier, before))}Q${at(before)} ${at(middle)}`
}

/** The path from the last midpoint to the last point. */
export function endOf(stroke: Stroke): string {
  const last = stroke.at(-1)
  const before = stroke.at(-2)
  return last && before ? `M${at(halfway(before, last))}L${at(last)}` : ''
}

const halfway = (a: Point, b: Point): Point => ({ x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 })

const at = ({ x, y }: Point): string => `${x.toFixed(4)} ${y.toFixed(4)}`
