import { seeded } from '../seeded.ts'
import { drawPerson, type Look } from './person.ts'

/** Grown by chance, the same at every visit. */
const looks: readonly Look[] = [
  { skin: '#f0c9a8', shade: '#c08a66', hair: '#3b2417', cloth: '#5b6472', hairStyle: 'short' },
  { skin: '#8a5a3c', shade: '#593521', hair: '#17110f', cloth: '#7a5a70', hairStyle: 'bun' },
  { skin: '#e3b48c', shade: '#ad7650', hair: '#241a14', cloth: '#4f6354', hairStyle: 'long', has: 'glasses' },
  { skin: '#5f3b27', shade: '#3a2216', hair: '#100c0a', cloth: '#74747c', hairStyle: 'short', has: 'beard' },
  { skin: '#f3d3b8', shade: '#cc9a7b', hair: '#d8d8d4', cloth: '#566079', hairStyle: 'long' },
  { skin: '#d9a57c', shade: '#a06c48', hair: '#5f452d', cloth: '#77716a', hairStyle: 'none', has: 'beard' },
  { skin: '#c68b62', shade: '#8c5837', hair: '#2a1a12', cloth: '#656b5b', hairStyle: 'long' },
  {
    skin: '#efc39f',
    shade: '#bb845e',
    hair: '#7a5a35',
    cloth: '#5d5a6e',
    hairStyle: 'short',
    has: 'glasses',
  },
]

/** A person of the clip: who, where, and how it moves. */
interface Role {
  readonly look: Look
  /** The middle of the way, in shares of the width and the height. */
  readonly x: number
  readonly y: number
  /** The head's height in shares of the picture's. */
  readonly size: number
  /** Seconds by which this one differs from the others. */
  readonly phase: number
}

/** The people of a stream, those at the back first. */
function castOf(stream: number): readonly Role[] {
  const random = seeded(stream + 1)
  const count = 2 + ((stream + 1) % 3)
  const first = Math.floor(random() * looks.length)
  // Three apart, so that nobody is there twice.
  const chosen = Array.from({ length: count }, (_, index) => looks[(first + index * 3) % looks.length])
  return chosen
    .flatMap((look, index) => {
      if (!look) return []
      const size = (count === 2 ? 0.42 : 0.36) - (index % 2) * 0.08 + random() * 0.04
      return {
        look,
        x: (index + 0.5) / count + (random() - 0.5) * 0.06,
        y: 0.42 + (random() - 0.5) * 0.1,
        size,
        phase: random() * 20,
      }
    })
    .sort((one, other) => one.size - other.size)
}

const casts = new Map<number, readonly Role[]>()

/**
 * Draws the clip as it is after some seconds: people before a wall, who look around, talk and blink. They are drawn, so that
 * no recording of anybody has to be here; a detector of faces finds them as it finds others.
 *
 * @param stream Each has other people.
 */
export function drawClip(context: CanvasRenderingContext2D, stream: number, seconds: number): void {
  const { width, height } = context.canvas
  drawRoom(context, stream)
  const cast = casts.get(stream) ?? castOf(stream)
  casts.set(stream, cast)
  for (const { look, x, y, size, phase } of cast) {
    const time = seconds + phase
    drawPerson(context, look, {
      x: (x + 0.035 * Math.sin(time * 0.7)) * width,
      y: (y + 0.012 * Math.sin(time * 1.9)) * height,
      size: size * (1 + 0.06 * Math.sin(time * 0.45)) * height,
      tilt: 0.1 * Math.sin(time * 0.9),
      turn: 0.8 * Math.sin(time * 0.6),
      // A blink of a sixth of a second, every four.
      eyes: time % 4 < 1 / 6 ? 0.1 : 1,
      mouth: Math.sin(time * 0.31) > 0 ? Math.max(0, Math.sin(time * 9)) : 0,
    })
  }
}

/** A wall with a window, in greys: hue is for places. */
function drawRoom(context: CanvasRenderingContext2D, stream: number): void {
  const { width, height } = context.canvas
  const wall = context.createLinearGradient(0, 0, 0, height)
  wall.addColorStop(0, '#c3c8cb')
  wall.addColorStop(1, '#8f979b')
  context.fillStyle = wall
  context.fillRect(0, 0, width, height)
  const left = width * (0.08 + 0.16 * (stream % 4))
  const [top, across, down] = [height * 0.06, width * 0.3, height * 0.46]
  context.fillStyle = '#e6eaec'
  context.fillRect(left, top, across, down)
  context.fillStyle = '#a9b0b4'
  context.fillRect(left + across * 0.48, top, across * 0.04, down)
  context.fillRect(left, top + down * 0.48, across, down * 0.04)
}
