import type { Stroke } from '../../drawing/stroke.ts'

/**
 * Strokes as another hand would draw them: turned, stretched and slanted about the middle, each point a little elsewhere.
 *
 * @param random From 0 to 1, as `Math.random`.
 */
export function vary(strokes: readonly Stroke[], random: () => number): Stroke[] {
  const between = (low: number, high: number) => low + random() * (high - low)
  const angle = between(-0.18, 0.18)
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)]
  const [width, height, slant] = [between(0.75, 1.1), between(0.85, 1.05), between(-0.25, 0.25)]
  return strokes.map((stroke) =>
    stroke.map((point) => {
      const down = (point.y - 0.5) * height + between(-0.015, 0.015)
      const across = (point.x - 0.5) * width - down * slant + between(-0.015, 0.015)
      return { x: 0.5 + across * cos - down * sin, y: 0.5 + across * sin + down * cos }
    }),
  )
}
