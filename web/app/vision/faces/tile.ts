import type { Tier } from '../../../../models/core/index.ts'
import { contextOf } from '../../../drawing/ink.ts'
import { find } from '../../../view/find.ts'
import { countOf, countText } from '../../../view/words.ts'
import type { Face } from './boxes.ts'

/** Pixels of a picture's width at most: more is not seen, and has to be drawn for each frame. */
const mostWidth = 640

export interface TileColours extends Readonly<Record<Tier, string>> {
  /** Of boxes that belong to no place. */
  readonly none: string
  /** Around each line, so that it is seen on any picture. */
  readonly rim: string
}

export interface TileOptions {
  readonly number: number
  readonly colours: () => TileColours
  /** The picture has another size. */
  readonly resized: () => void
}

export interface TileFigures {
  /** Absent before anything was read. */
  readonly faces?: readonly Face[] | undefined
  /** Where they were found; absent for those that are recorded. */
  readonly place?: Tier | undefined
  /** Frames a second. */
  readonly rate?: number
  readonly dropped?: number
}

/** One stream on the page: its frame, with a box around each face, and its figures. */
export class Tile {
  readonly element: HTMLElement
  readonly #canvas: HTMLCanvasElement
  readonly #context: CanvasRenderingContext2D
  /** The newest frame: it is shown once it has its answer. Kept in memory, where it can be read. */
  readonly #frame = contextOf(document.createElement('canvas'), { willReadFrequently: true })
  readonly #parts: Readonly<Record<'rate' | 'faces' | 'dropped', HTMLElement>>
  readonly #mark: HTMLElement
  readonly #options: TileOptions
  readonly #sizes: ResizeObserver
  #width = 0

  constructor(element: HTMLElement, options: TileOptions) {
    this.element = element
    this.#options = options
    this.#canvas = find('canvas', HTMLCanvasElement, element)
    this.#context = contextOf(this.#canvas)
    this.#mark = find('.mark', HTMLElement, element)
    const part = (name: string) => find(`[data-part="${name}"]`, HTMLElement, element)
    this.#parts = { rate: part('rate'), faces: part('faces'), dropped: part('dropped') }
    this.#sizes = new ResizeObserver(() => {
      const width = Math.round(this.#canvas.clientWidth * Math.min(2, devicePixelRatio))
      if (width === this.#width) return
      this.#width = width
      options.resized()
    })
    this.#sizes.observe(this.#canvas)
    this.show({})
  }

  /** Has a frame drawn. It is not shown yet. */
  capture(draw: (context: CanvasRenderingContext2D) => void): HTMLCanvasElement {
    const { canvas } = this.#frame
    // A tile that has no size yet is not laid out.
    const width = Math.min(mostWidth, Math.max(160, this.#width))
    const height = Math.round(width * 0.75)
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height })
    draw(this.#frame)
    return canvas
  }

  /** Shows the captured frame. @param place Whose colour the boxes have; none's where it is absent. */
  paint(faces: readonly Face[], place?: Tier): void {
    const { canvas: frame } = this.#frame
    const { width, height } = frame
    Object.assign(this.#canvas, { width, height })
    const context = this.#context
    context.drawImage(frame, 0, 0)
    const colours = this.#options.colours()
    const thin = Math.max(1.5, width / 240)
    for (const [colour, line, dash] of [
      [colours.rim, thin * 2.6, []],
      // Told apart by their lines, too.
      [colours[place ?? 'none'], thin * 1.3, place === 'server' ? [thin * 6, thin * 3] : []],
    ] as const) {
      context.strokeStyle = colour
      context.lineWidth = line
      context.setLineDash([...dash])
      for (const { left, top, right, bottom } of faces)
        context.strokeRect(left * width, top * height, (right - left) * width, (bottom - top) * height)
    }
  }

  /** Shows its figures. */
  show({ faces, place, rate, dropped }: TileFigures): void {
    const { rate: rateText, faces: facesText, dropped: droppedText } = this.#parts
    this.#mark.hidden = place === undefined
    if (place) this.#mark.dataset.tier = place
    const found = faces ? countOf(faces.length, 'face') : ''
    write(rateText, rate === undefined ? '–' : `${rate < 10 ? rate.toFixed(1) : Math.round(rate)} a second`)
    write(facesText, found)
    write(droppedText, dropped === undefined ? '' : `${countText(dropped)} dropped`)
    this.#canvas.setAttribute('aria-label', `Stream ${this.#options.number}: ${found || 'not read'}`)
    Object.assign(this.element.dataset, { faces: faces?.length ?? '', place: place ?? '' })
  }

  close(): void {
    this.#sizes.disconnect()
    this.element.remove()
  }
}

function write(element: HTMLElement, text: string): void {
  if (element.textContent !== text) element.textContent = text
}
