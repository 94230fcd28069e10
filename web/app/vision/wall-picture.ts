import type { Tier } from '../../../models/core/index.ts'
import { contextOf, inkPath } from '../../drawing/ink.ts'
import { oncePerFrame } from '../../view/once-per-frame.ts'
import { onColourChange, tokensOf } from './colours.ts'
import { type Cell, cellCount } from './wall.ts'

export interface WallPicture {
  /** Paints a cell with the next frame. */
  paint(index: number): void
  paintAll(): void
  /** Shows the cells that were read as this digit, and all others faintly; undefined for all alike. */
  setShown(digit: number | undefined): void
}

type Colours = Readonly<Record<Tier | 'unread' | 'wrong', string>>

/** What cells that are not shown keep of their colour. */
const faint = 0.15

/**
 * Paints the wall on a canvas: digits in the colour of where they were read, over a dash where that is the server, so that
 * the places differ without their colours, too. A frame is around those that were read as another digit.
 *
 * @param onOver Called for each cell that a pointer is drawn over.
 */
export function createWallPicture(
  canvas: HTMLCanvasElement,
  cells: readonly Cell[],
  onOver: (index: number) => void,
): WallPicture {
  const context = contextOf(canvas)
  let colours = coloursOf(canvas)
  let columns = 1
  let cellSide = 1
  let shown: number | undefined
  const changed = new Set<number>()

  const paintCell = (index: number) => {
    const cell = cells[index]
    const [left, top] = [(index % columns) * cellSide, Math.floor(index / columns) * cellSide]
    context.resetTransform()
    context.clearRect(left, top, cellSide, cellSide)
    if (!cell) return
    const { drawn, path, reading } = cell
    context.globalAlpha = shown === undefined || reading?.digit === shown ? 1 : faint
    inkPath(context, cellSide, colours[reading?.tier ?? 'unread'], path, left, top)
    context.resetTransform()
    if (reading?.tier === 'server') {
      context.fillStyle = colours.server
      context.fillRect(
        left + cellSide * 0.3,
        top + cellSide * 0.9,
        cellSide * 0.4,
        Math.max(1, cellSide / 16),
      )
    }
    if (reading && reading.digit !== drawn) {
      context.lineWidth = Math.max(1, cellSide / 20)
      context.strokeStyle = colours.wrong
      context.strokeRect(left + 1.5, top + 1.5, cellSide - 3, cellSide - 3)
    }
    context.globalAlpha = 1
  }
  const paintChanged = oncePerFrame(() => {
    for (const index of changed) paintCell(index)
    changed.clear()
  })
  const paintAll = () => {
    for (let index = 0; index < cellCount; index++) changed.add(index)
    paintChanged()
  }
  const fit = () => {
    const { clientWidth, clientHeight } = canvas
    // As many rows as columns, or a quarter as many: the style sheet's choice.
    columns = Math.round(Math.sqrt((cellCount * clientWidth) / Math.max(1, clientHeight)))
    cellSide = Math.floor((clientWidth * Math.min(2, devicePixelRatio)) / columns)
    Object.assign(canvas, { width: cellSide * columns, height: (cellSide * cellCount) / columns })
    paintAll()
  }
  new ResizeObserver(fit).observe(canvas)
  onColourChange(() => {
    colours = coloursOf(canvas)
    paintAll()
  })
  followPointer(canvas, (across, down) => {
    const rows = cellCount / columns
    if (across >= 0 && across < 1 && down >= 0 && down < 1)
      onOver(Math.floor(down * rows) * columns + Math.floor(across * columns))
  })
  return {
    paint: (index) => {
      changed.add(index)
      paintChanged()
    },
    paintAll,
    setShown: (digit) => {
      shown = digit
      paintAll()
    },
  }
}

/** Calls back with each point of a pressed pointer, in shares of the canvas. */
function followPointer(canvas: HTMLCanvasElement, onPoint: (across: number, down: number) => void): void {
  const point = ({ clientX, clientY, buttons }: PointerEvent) => {
    if (buttons === 0) return
    const { left, top, width, height } = canvas.getBoundingClientRect()
    onPoint((clientX - left) / width, (clientY - top) / height)
  }
  canvas.addEventListener('pointerdown', (event) => {
    canvas.setPointerCapture(event.pointerId)
    point(event)
  })
  canvas.addEventListener('pointermove', (event) => {
    // Safari before 18.2 lacks the method; a synthetic event has an empty list.
    const coalesced = event.getCoalescedEvents?.() ?? []
    for (const each of coalesced.length > 0 ? coalesced : [event]) point(each)
  })
}

function coloursOf(canvas: HTMLCanvasElement): Colours {
  const token = tokensOf(canvas)
  return {
    device: token('--device'),
    server: token('--server'),
    unread: token('--edge'),
    wrong: token('--text'),
  }
}
