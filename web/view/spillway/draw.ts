/** What is drawn; shares are from 0 to 1. */
export interface Scene {
  /** The water's height: 1 is the crest. */
  readonly level: number
  /** How strong the two streams are. */
  readonly device: number
  readonly server: number
  /** Milliseconds of motion so far: the waves and the streams are drawn as they are then. */
  readonly time: number
  readonly hasCrest: boolean
}

export interface Colours {
  readonly device: string
  readonly server: string
  readonly edge: string
}

/** Draws the reservoir, its dam, the outlet to the device below and the overflow to the server. */
export function drawScene(
  context: CanvasRenderingContext2D,
  width: number,
  height: number,
  scene: Scene,
  colours: Colours,
): void {
  const place = placeOf(width, height)
  context.clearRect(0, 0, width, height)
  context.lineCap = 'butt'
  drawWater(context, place, scene, colours)
  drawDam(context, place, colours)
  if (scene.hasCrest) drawCrest(context, place, colours)
  drawStream(
    context,
    outletOf(place),
    { ...place, share: scene.device, time: scene.time, isRound: true },
    colours.device,
  )
  const overflow = overflowOf(place)
  if (scene.hasCrest || scene.server > 0)
    drawStream(
      context,
      overflow,
      { ...place, share: scene.server, time: scene.time, isRound: false },
      colours.server,
    )
}

interface Place {
  readonly width: number
  readonly height: number
  /** The dam's upstream face. */
  readonly damX: number
  readonly damWidth: number
  readonly crestY: number
  readonly bedY: number
  /** One at a height of 300 pixels. */
  readonly scale: number
}

function placeOf(width: number, height: number): Place {
  const scale = Math.min(1, Math.max(0.3, height / 300))
  return {
    width,
    height,
    damX: width * 0.54,
    damWidth: Math.min(70 * scale, width * 0.16),
    crestY: height * 0.3,
    bedY: height * 0.92,
    scale,
  }
}

function drawWater(context: CanvasRenderingContext2D, place: Place, scene: Scene, colours: Colours): void {
  const { damX, crestY, bedY, scale } = place
  const depth = bedY - crestY
  // A little water stays, and what is above the crest flows over it.
  const surface = bedY - depth * Math.min(1.08, 0.05 + 0.95 * scene.level)
  const swell = 3 * scale * Math.min(1, scene.device + scene.server)
  const at = (x: number) =>
    surface + swell * (Math.sin(x * 0.03 + scene.time * 0.0016) + Math.sin(x * 0.011 - scene.time * 0.0011))
  const line = new Path2D()
  line.moveTo(0, at(0))
  for (let x = 6; x < damX; x += 6) line.lineTo(x, at(x))
  line.lineTo(damX, at(damX))
  const body = new Path2D(line)
  body.lineTo(damX, bedY)
  body.lineTo(0, bedY)
  context.fillStyle = colours.device
  context.globalAlpha = 0.2
  context.fill(body)
  context.globalAlpha = 1
  context.strokeStyle = colours.device
  context.lineWidth = Math.max(1.5, 2.5 * scale)
  context.stroke(line)
}

function drawDam(context: CanvasRenderingContext2D, place: Place, { edge }: Colours): void {
  const { damX, damWidth, crestY, bedY } = place
  const dam = new Path2D()
  dam.moveTo(damX, bedY)
  dam.lineTo(damX, crestY)
  dam.lineTo(damX + damWidth * 0.24, crestY)
  dam.quadraticCurveTo(damX + damWidth * 0.36, (crestY + bedY) / 2, damX + damWidth, bedY)
  dam.closePath()
  // Light in every mode: the outlet's stream is seen through it.
  context.fillStyle = edge
  context.globalAlpha = 0.25
  context.fill(dam)
  context.globalAlpha = 1
  context.strokeStyle = edge
  context.lineWidth = 1
  context.stroke(dam)
  context.beginPath()
  context.moveTo(0, bedY)
  context.lineTo(place.width, bedY)
  context.stroke()
}

function drawCrest(
  context: CanvasRenderingContext2D,
  { damX, crestY, scale }: Place,
  { server }: Colours,
): void {
  context.strokeStyle = server
  context.lineWidth = Math.max(1, 1.5 * scale)
  context.setLineDash([3, 5])
  context.beginPath()
  context.moveTo(0, crestY)
  context.lineTo(damX, crestY)
  context.stroke()
  context.setLineDash([])
}

/** Through the foot of the dam, to the right. */
function outletOf({ width, damX, bedY, crestY }: Place): Path2D {
  const path = new Path2D()
  const y = bedY - (bedY - crestY) * 0.12
  path.moveTo(damX, y)
  path.lineTo(width, y)
  return path
}

/** Over the crest and down a chute, to the right. */
function overflowOf({ width, damX, damWidth, crestY, bedY, scale }: Place): Path2D {
  const path = new Path2D()
  const top = crestY - 4 * scale
  const low = crestY + (bedY - crestY) * 0.42
  path.moveTo(damX, top)
  path.lineTo(damX + damWidth * 0.24, top)
  path.bezierCurveTo(damX + damWidth * 1.1, top, damX + damWidth * 0.9, low, width, low)
  return path
}

interface Stream {
  readonly scale: number
  readonly share: number
  readonly time: number
  /** Round drops for the device, square ones for the server: they differ without their colours, too. */
  readonly isRound: boolean
}

function drawStream(
  context: CanvasRenderingContext2D,
  path: Path2D,
  { scale, share, time, isRound }: Stream,
  colour: string,
): void {
  context.strokeStyle = colour
  context.lineWidth = 1
  context.globalAlpha = 0.35
  context.setLineDash([2, 6])
  context.stroke(path)
  context.setLineDash([])
  if (share > 0) {
    const thickness = (6 + 26 * share) * scale
    context.globalAlpha = 0.3
    context.lineWidth = thickness
    context.stroke(path)
    context.globalAlpha = 1
    context.lineWidth = Math.max(2, thickness * 0.28)
    context.lineCap = isRound ? 'round' : 'butt'
    const gap = (isRound ? 22 : 18) * Math.max(0.5, scale)
    context.setLineDash(isRound ? [0, gap] : [gap * 0.5, gap * 0.6])
    context.lineDashOffset = -time * 0.12 * Math.max(0.4, scale)
    context.stroke(path)
    context.setLineDash([])
    context.lineCap = 'butt'
  }
  context.globalAlpha = 1
}
