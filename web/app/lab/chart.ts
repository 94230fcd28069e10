import uPlot from 'uplot'
import { find } from '../../view/find.ts'

type Stroke = 'dashed' | 'dotted'

const dashes: Readonly<Record<Stroke, number[]>> = { dashed: [6, 4], dotted: [2, 3] }

/** One line of a chart. */
export interface Line {
  readonly label: string
  /** A colour token of the site. */
  readonly colour: string
  /** Solid where it is absent. Lines of one chart differ by more than their colours. */
  readonly stroke?: Stroke
  readonly isFilled?: boolean
}

export interface Chart {
  /**
   * @param times Seconds, the newest of them zero.
   * @param values One array for each line.
   */
  show(times: readonly number[], values: readonly (readonly (number | undefined)[])[]): void
}

/** Seconds that a chart shows. */
export const shownSeconds = 60

/** Draws lines over the last minute. The newest values, or those under the pointer, stand in the caption. */
export function createChart(
  figure: HTMLElement,
  lines: readonly Line[],
  text: (value: number) => string,
): Chart {
  const place = find('.plot', HTMLElement, figure)
  const values = lines.map((line) => legendEntry(find('.keys', HTMLElement, figure), line))
  let data: uPlot.AlignedData = [[0], ...lines.map(() => [null])]
  /** Made when there is something to show. */
  let plot: uPlot | undefined

  function draw(): uPlot {
    return new uPlot(optionsOf(place, lines, writeValues), data, place)
  }
  function writeValues(at: number | null | undefined): void {
    lines.forEach((_line, index) => {
      const column = data[index + 1]
      const value = column?.[at ?? column.length - 1]
      const words = typeof value === 'number' ? text(value) : '–'
      const element = values[index]
      if (element && element.textContent !== words) element.textContent = words
    })
  }
  const redraw = () => {
    plot?.destroy()
    plot &&= draw()
  }
  for (const query of ['(prefers-color-scheme: dark)', '(forced-colors: active)'])
    matchMedia(query).addEventListener('change', redraw)
  new ResizeObserver(() => plot?.setSize(sizeOf(place))).observe(place)
  return {
    show: (times, columns) => {
      data = [[...times], ...columns.map((column) => column.map((value) => value ?? null))]
      if (plot) plot.setData(data)
      else plot = draw()
      writeValues(plot.cursor.idx)
    },
  }
}

const sizeOf = ({ clientWidth, clientHeight }: HTMLElement) => ({
  width: Math.max(1, clientWidth),
  height: Math.max(1, clientHeight),
})

function optionsOf(
  place: HTMLElement,
  lines: readonly Line[],
  onCursor: (at: number | null | undefined) => void,
): uPlot.Options {
  const style = getComputedStyle(place)
  const token = (name: string) => style.getPropertyValue(name).trim()
  const axis: uPlot.Axis = {
    stroke: token('--quiet'),
    font: `11px ${style.fontFamily}`,
    grid: { stroke: token('--line'), width: 1 },
    ticks: { show: false },
  }
  return {
    ...sizeOf(place),
    legend: { show: false },
    cursor: { y: false, points: { show: false }, drag: { x: false, y: false } },
    scales: {
      x: { time: false, range: [-shownSeconds, 0] },
      y: { range: (_plot, _least, most) => [0, Math.max(1, (most || 0) * 1.1)] },
    },
    axes: [
      { ...axis, size: 24, values: (_plot, ticks) => ticks.map(agoText) },
      { ...axis, size: 48, values: (_plot, ticks) => ticks.map((tick) => shortNumber.format(tick)) },
    ],
    series: [
      {},
      ...lines.map(
        ({ label, colour, stroke, isFilled }): uPlot.Series => ({
          label,
          stroke: token(colour),
          width: 2,
          points: { show: false },
          ...(stroke && { dash: dashes[stroke] }),
          ...(isFilled && { fill: `color-mix(in srgb, ${token(colour)} 18%, transparent)` }),
        }),
      ),
    ],
    hooks: { setCursor: [({ cursor }) => onCursor(cursor.idx)] },
  }
}

const shortNumber = new Intl.NumberFormat('en', { notation: 'compact' })

const agoText = (seconds: number): string => (seconds === 0 ? 'now' : `${-seconds} s`)

/** A key of the line, its label and its value. @returns Where the value stands. */
function legendEntry(list: HTMLElement, { label, colour, stroke }: Line): HTMLElement {
  const key = document.createElement('i')
  key.className = 'key'
  key.style.setProperty('--key', `var(${colour})`)
  if (stroke) key.style.borderTopStyle = stroke
  const term = document.createElement('dt')
  term.append(key, label)
  const value = document.createElement('dd')
  value.textContent = '–'
  const entry = document.createElement('div')
  entry.append(term, value)
  list.append(entry)
  return value
}
