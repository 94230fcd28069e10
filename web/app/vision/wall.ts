import type { Tier } from '../../../models/core/index.ts'
import { inkPath, wipe } from '../../drawing/ink.ts'
import { imageSide, toModelImage } from '../../drawing/preprocess.ts'
import { createInkReader } from '../../drawing/raster.ts'
import { pathOf } from '../../drawing/stroke.ts'
import { samples } from '../samples.ts'
import { vary } from './vary.ts'

/** Digits on the wall. */
export const cellCount = 400

/** What the model made of a drawing. */
export interface Reading {
  readonly digit: number
  readonly tier: Tier
}

/** A digit on the wall. A redrawn one is another. */
export interface Cell {
  /** The digit that was drawn. */
  readonly drawn: number
  /** SVG path data, in shares of the cell's side. */
  readonly path: string
  /** The drawing as the model reads it. */
  readonly image: Float32Array
  reading: Reading | undefined
}

/** At least two pixels for each of the model's, and few, since many are read at once. */
const side = 64

/** Digits that are drawn in one task. */
const drawnAtOnce = 10

/** The digits of the wall, drawn by made-up hands. */
export class Wall {
  readonly #random: () => number
  readonly #reader = createInkReader(side)
  readonly cells: Cell[] = []

  /** @param random From 0 to 1, as `Math.random`. */
  constructor(random: () => number) {
    this.#random = random
  }

  /** Draws all digits anew, in tasks that hold the page for a few milliseconds each. */
  async drawAll(onDrawn: (index: number) => void): Promise<void> {
    for (let index = 0; index < cellCount; index++) {
      if (index % drawnAtOnce === 0) await new Promise((resolve) => setTimeout(resolve))
      this.draw(index)
      onDrawn(index)
    }
  }

  /** Draws another digit in a cell. */
  draw(index: number): void {
    const drawn = Math.floor(this.#random() * samples.length)
    const path = vary(samples[drawn] ?? [], this.#random)
      .map(pathOf)
      .join('')
    const { context, read } = this.#reader
    wipe(context)
    inkPath(context, side, '#000', path)
    const image = toModelImage(read()) ?? new Float32Array(imageSide * imageSide)
    this.cells[index] = { drawn, path, image, reading: undefined }
  }
}
