import { endOf, type Point, pathOf, pieceAt, type Stroke } from './stroke.ts'

/** What happened to a drawing. */
export interface Change {
  /** The path that was inked; null where all ink went. */
  readonly ink: string | null
}

/** Points nearer than this to the one before tell nothing; in shares of the pad's side. */
const nearest = 0.004

/** The strokes on the pad. Mouse, finger, keyboard and samples all draw here; who shows them listens. */
export class Drawing {
  #strokes: Point[][] = []
  #open: Point[] | undefined
  readonly #listeners: ((change: Change) => void)[] = []

  onChange(listener: (change: Change) => void): void {
    this.#listeners.push(listener)
  }

  get strokes(): readonly Stroke[] {
    return this.#strokes
  }

  get isEmpty(): boolean {
    return this.#strokes.length === 0
  }

  get isPenDown(): boolean {
    return this.#open !== undefined
  }

  begin(point: Point): void {
    this.end()
    this.#open = [point]
    this.#strokes.push(this.#open)
    this.#tell({ ink: pieceAt(this.#open, 0) })
  }

  extend(point: Point): void {
    const stroke = this.#open
    const last = stroke?.at(-1)
    if (!stroke || !last || Math.hypot(point.x - last.x, point.y - last.y) < nearest) return
    stroke.push(point)
    this.#tell({ ink: pieceAt(stroke, stroke.length - 1) })
  }

  end(): void {
    const stroke = this.#open
    this.#open = undefined
    const ink = endOf(stroke ?? [])
    if (ink) this.#tell({ ink })
  }

  clear(): void {
    this.#open = undefined
    this.#strokes = []
    this.#tell({ ink: null })
  }

  replace(strokes: readonly Stroke[]): void {
    this.clear()
    this.#strokes = strokes.map((stroke) => [...stroke])
    this.#tell({ ink: strokes.map(pathOf).join('') })
  }

  #tell(change: Change): void {
    for (const listener of this.#listeners) listener(change)
  }
}
