import type { Point, Stroke } from '../drawing/stroke.ts'

/** Strokes in hundredths of the pad's side. A curve runs through the midpoints between these points. */
const shapes: readonly (readonly string[])[] = [
  ['57,20 42,19 32,34 30,54 35,74 50,82 64,73 70,52 66,31 55,19 47,20'],
  ['38,34 50,23 54,18', '54,18 52,50 51,82'],
  ['31,34 36,20 52,16 66,25 64,40 50,58 30,80', '30,80 45,78 58,79 71,78'],
  ['33,24 46,16 62,19 65,34 55,45 44,47', '44,47 60,48 70,60 65,76 48,84 31,77'],
  ['45,18 40,34 31,56', '31,56 50,56 72,54', '60,36 58,58 57,84'],
  ['40,20 37,44', '37,44 52,39 68,48 70,66 58,82 42,83 31,76', '40,20 54,20 68,18'],
  ['60,16 46,28 35,48 32,66 40,82 55,84 66,74 64,60 52,54 40,60 34,70'],
  ['29,21 50,20 71,20', '71,20 58,48 46,83'],
  ['64,28 52,15 36,22 38,38 52,49 67,62 66,79 50,87 34,79 35,62 50,49 64,38 65,26'],
  ['67,33 58,20 42,20 34,33 40,47 54,49 66,36 67,28', '67,28 65,54 59,84'],
]

/** One drawing for each digit. */
export const samples: readonly (readonly Stroke[])[] = shapes.map((strokes) => strokes.map(strokeFrom))

function strokeFrom(points: string): Stroke {
  return points.split(' ').map((pair): Point => {
    const [x = 0, y = 0] = pair.split(',').map(Number)
    return { x: x / 100, y: y / 100 }
  })
}
