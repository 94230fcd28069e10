import type { Step } from './steps.ts'

const gap = 2
/** Pixels from one column to the next. */
const pitch = 8
const rowHeight = 9

export interface StepsView {
  /** The number of columns that fit. */
  readonly columns: number
  show(steps: readonly Step[], stories: number): void
}

/** Draws the newest steps from left to right: one column a step, one row a story. */
export function createStepsView(canvas: HTMLCanvasElement): StepsView {
  const width = () => canvas.clientWidth || 320
  const columns = () => Math.max(1, Math.floor(width() / pitch))
  let shown: { readonly steps: readonly Step[]; readonly rows: number } = { steps: [], rows: 1 }
  const draw = () => {
    const { steps, rows } = shown
    const scale = window.devicePixelRatio
    canvas.style.height = `${rows * rowHeight}px`
    canvas.width = Math.round(width() * scale)
    canvas.height = Math.round(rows * rowHeight * scale)
    const context = canvas.getContext('2d')
    if (!context) return
    const style = getComputedStyle(canvas)
    const active = style.getPropertyValue('--device')
    const idle = style.getPropertyValue('--sunken')
    context.scale(scale, scale)
    const newest = steps.slice(-columns())
    for (let column = 0; column < columns(); column++) {
      for (let row = 0; row < rows; row++) {
        context.fillStyle = newest[column]?.has(row) ? active : idle
        context.fillRect(column * pitch, row * rowHeight, pitch - gap, rowHeight - gap)
      }
    }
  }
  for (const query of ['(prefers-color-scheme: dark)', '(forced-colors: active)'])
    matchMedia(query).addEventListener('change', draw)
  return {
    get columns() {
      return columns()
    },
    show: (steps, stories) => {
      shown = { steps, rows: Math.max(1, stories) }
      draw()
    },
  }
}
