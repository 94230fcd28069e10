import { endOf, type Point, pathOf, pieceAt, type Stroke } from './stroke.ts'

/** A change of a drawing. */
export interface Change {
  /** The path that was added; null where the drawing was cleared. */
  readonly ink: string | null
}

/** Points nearer than this to the previous one are dropped; in shares of the pad's side. */
const minDistance = 0.004

/** The strokes on the pad. Mouse, finger, keyboard and samples draw here; views listen for changes. */
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
    this.#notify({ ink: pieceAt(this.#open, 0) })
  }

  extend(point: Point): void {
    const stroke = this.#open
    const last = stroke?.at(-1)
    if (!stroke || !last || Math.hypot(point.x - last.x, point.y - last.y) < minDistance) return
    stroke.push(point)
    this.#notify({ ink: pieceAt(stroke, stroke.length - 1) })
  }

  end(): void {
    const stroke = this.#open
    this.#open = undefined
    const ink = endOf(stroke ?? [])
    if (ink) this.#notify({ ink })
  }

  clear(): void {
    this.#open = undefined
    this.#strokes = []
    this.#notify({ ink: null })
  }

  replace(strokes: readonly Stroke[]): void {
    this.clear()
    this.#strokes = strokes.map((stroke) => [...stroke])
    this.#notify({ ink: strokes.map(pathOf).join('') })
  }

  #notify(change: Change): void {
    for (const listener of this.#listeners) listener(change)
  }
}
