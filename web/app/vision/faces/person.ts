/** How a drawn person looks. */
export interface Look {
  readonly skin: string
  /** Where the light does not reach. */
  readonly shade: string
  readonly hair: string
  readonly cloth: string
  readonly hairStyle: 'short' | 'long' | 'bun' | 'none'
  readonly has?: 'glasses' | 'beard'
}

/** How a person holds the head in one picture. */
export interface Pose {
  /** The middle of the face, in pixels. */
  readonly x: number
  readonly y: number
  /** The height of the head from crown to chin, in pixels. */
  readonly size: number
  /** Radians by which the head is tilted. */
  readonly tilt: number
  /** Where the face looks, from -1 to 1 as left to right. */
  readonly turn: number
  /** From 0, closed, to 1. */
  readonly eyes: number
  readonly mouth: number
}

type Context = CanvasRenderingContext2D

/**
 * Draws a person's head and shoulders: light from above, shade below the brows and beside the nose. That is what a
 * detector of faces looks for, so one that was trained on photographs finds it.
 */
export function drawPerson(context: Context, look: Look, pose: Pose): void {
  context.save()
  context.translate(pose.x, pose.y)
  // From here on a head is 2 high.
  context.scale(pose.size / 2, pose.size / 2)
  if (look.hairStyle === 'long') fill(context, darker(look.hair), () => longHair(context))
  drawShoulders(context, look)
  context.rotate(pose.tilt)
  if (look.hairStyle === 'bun') fill(context, look.hair, () => blob(context, 0, -1.05, 0.34, 0.3))
  drawHead(context, look)
  context.translate(pose.turn * 0.16, 0)
  drawFeatures(context, look, pose)
  context.translate(pose.turn * -0.16, 0)
  drawHair(context, look)
  context.restore()
}

function drawShoulders(context: Context, { skin, shade, cloth }: Look): void {
  fill(context, cloth, () => {
    context.moveTo(-1.9, 8)
    context.lineTo(-1.9, 3.4)
    context.bezierCurveTo(-1.9, 1.5, -0.9, 1.45, -0.42, 1.2)
    context.lineTo(0.42, 1.2)
    context.bezierCurveTo(0.9, 1.45, 1.9, 1.5, 1.9, 3.4)
    context.lineTo(1.9, 8)
  })
  const neck = context.createLinearGradient(0, 0.7, 0, 1.5)
  neck.addColorStop(0, shade)
  neck.addColorStop(1, skin)
  fill(context, neck, () => {
    context.moveTo(-0.36, 0.4)
    context.lineTo(-0.42, 1.25)
    context.quadraticCurveTo(0, 1.65, 0.42, 1.25)
    context.lineTo(0.36, 0.4)
  })
}

function drawHead(context: Context, { skin, shade }: Look): void {
  for (const side of [-1, 1]) fill(context, shade, () => blob(context, side * 0.76, 0.08, 0.13, 0.22))
  const light = context.createRadialGradient(-0.12, -0.25, 0.2, 0, 0.05, 1.1)
  light.addColorStop(0, skin)
  light.addColorStop(0.6, skin)
  light.addColorStop(1, shade)
  fill(context, light, () => {
    context.moveTo(-0.76, -0.2)
    context.bezierCurveTo(-0.76, -1.25, 0.76, -1.25, 0.76, -0.2)
    context.bezierCurveTo(0.76, 0.45, 0.5, 1, 0, 1)
    context.bezierCurveTo(-0.5, 1, -0.76, 0.45, -0.76, -0.2)
  })
}

function drawFeatures(context: Context, look: Look, { eyes, mouth }: Pose): void {
  const { hair, shade } = look
  for (const side of [-1, 1]) {
    // The hollow of the eye, then the brow above it.
    fade(context, shade, side * 0.32, -0.1, 0.3)
    context.lineWidth = 0.09
    line(context, hair === '#d8d8d4' ? '#8b8b86' : hair, () => {
      context.moveTo(side * 0.14, -0.26)
      context.quadraticCurveTo(side * 0.34, -0.36, side * 0.52, -0.25)
    })
    fill(context, '#f4f1ec', () => blob(context, side * 0.32, -0.06, 0.15, 0.085 * eyes))
    fill(context, '#2a1a12', () => blob(context, side * 0.32, -0.06, 0.075, 0.085 * eyes))
    context.lineWidth = 0.05
    line(context, '#2a1a12', () => {
      context.moveTo(side * 0.16, -0.05)
      context.quadraticCurveTo(side * 0.32, -0.06 - 0.12 * eyes, side * 0.49, -0.04)
    })
  }
  // The nose throws its shade to one side and below.
  fade(context, shade, 0.1, 0.18, 0.2)
  context.lineWidth = 0.05
  line(context, darker(shade), () => {
    context.moveTo(-0.14, 0.3)
    context.quadraticCurveTo(0, 0.4, 0.14, 0.3)
  })
  if (look.has === 'beard') {
    fill(context, hair, () => {
      context.moveTo(-0.7, 0.25)
      context.bezierCurveTo(-0.4, 0.5, 0.4, 0.5, 0.7, 0.25)
      context.bezierCurveTo(0.62, 0.8, 0.35, 1.08, 0, 1.08)
      context.bezierCurveTo(-0.35, 1.08, -0.62, 0.8, -0.7, 0.25)
    })
  }
  fill(context, '#8d3f3a', () => {
    context.moveTo(-0.27, 0.57)
    context.quadraticCurveTo(0, 0.5, 0.27, 0.57)
    context.quadraticCurveTo(0, 0.68 + 0.14 * mouth, -0.27, 0.57)
  })
  if (look.has === 'glasses') drawGlasses(context)
}

function drawGlasses(context: Context): void {
  context.lineWidth = 0.05
  for (const side of [-1, 1]) line(context, '#2b2b2e', () => blob(context, side * 0.32, -0.05, 0.24, 0.19))
  line(context, '#2b2b2e', () => {
    context.moveTo(-0.1, -0.08)
    context.quadraticCurveTo(0, -0.13, 0.1, -0.08)
  })
}

function drawHair(context: Context, { hair, hairStyle }: Look): void {
  if (hairStyle === 'none') return
  if (hairStyle === 'long') {
    fill(context, hair, () => {
      context.moveTo(0.08, -1.08)
      for (const side of [1, -1]) {
        context.bezierCurveTo(side * 0.75, -1.15, side * 1.05, -0.5, side * 0.93, 0.95)
        context.bezierCurveTo(side * 0.78, 0.7, side * 0.74, 0.3, side * 0.7, -0.1)
        context.bezierCurveTo(side * 0.62, -0.5, side * 0.4, -0.72, 0.08, -0.8)
        context.lineTo(0.08, -1.08)
      }
    })
    return
  }
  const low = -0.05
  fill(context, hair, () => {
    context.moveTo(-0.8, low)
    context.bezierCurveTo(-0.95, -1.45, 0.95, -1.45, 0.8, low)
    context.bezierCurveTo(0.72, -0.4, 0.62, -0.5, 0.45, -0.6)
    context.bezierCurveTo(0.1, -0.5, -0.3, -0.55, -0.5, -0.66)
    context.bezierCurveTo(-0.66, -0.5, -0.72, -0.4, -0.8, low)
  })
}

function longHair(context: Context): void {
  context.moveTo(-0.95, -0.1)
  context.bezierCurveTo(-0.95, -1.4, 0.95, -1.4, 0.95, -0.1)
  context.lineTo(1.02, 1.5)
  context.quadraticCurveTo(0, 1.9, -1.02, 1.5)
}

function blob(context: Context, x: number, y: number, across: number, down: number): void {
  context.ellipse(x, y, across, Math.max(0.001, down), 0, 0, 2 * Math.PI)
}

function fill(context: Context, colour: string | CanvasGradient, path: () => void): void {
  context.beginPath()
  path()
  context.fillStyle = colour
  context.fill()
}

function line(context: Context, colour: string, path: () => void): void {
  context.beginPath()
  path()
  context.strokeStyle = colour
  context.lineCap = 'round'
  context.stroke()
}

/** A soft spot. */
function fade(context: Context, colour: string, x: number, y: number, radius: number): void {
  const spot = context.createRadialGradient(x, y, 0, x, y, radius)
  spot.addColorStop(0, colour)
  spot.addColorStop(1, `${colour}00`)
  fill(context, spot, () => blob(context, x, y, radius, radius))
}

const darker = (colour: string): string =>
  `#${[1, 3, 5]
    .map((at) =>
      Math.round(Number.parseInt(colour.slice(at, at + 2), 16) * 0.75)
        .toString(16)
        .padStart(2, '0'),
    )
    .join('')}`
