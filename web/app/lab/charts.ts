import { find } from '../../view/find.ts'
import { countText, milliseconds } from '../../view/words.ts'
import { createChart } from './chart.ts'
import type { Reading } from './history.ts'

/** Draws the last minute, a moment later: how many answers from where, how late, in runs of how many, and how many were awaited. */
export function createCharts(place: HTMLElement): (readings: readonly Reading[]) => void {
  const figure = (name: string) => find(`[data-chart="${name}"]`, HTMLElement, place)
  const whole = (value: number) => countText(Math.round(value))
  const throughput = createChart(
    figure('throughput'),
    [
      { label: 'This device', colour: '--device', isFilled: true },
      { label: 'Server', colour: '--server', isFilled: true, stroke: 'dashed' },
    ],
    whole,
  )
  const latency = createChart(
    figure('latency'),
    [
      { label: 'Half', colour: '--text' },
      { label: '95 of 100', colour: '--quiet', stroke: 'dotted' },
      { label: '99 of 100', colour: '--text', stroke: 'dashed' },
    ],
    milliseconds,
  )
  const batches = createChart(
    figure('batches'),
    [{ label: 'Rows a run', colour: '--device', isFilled: true }],
    (rows) => (rows < 10 ? rows.toFixed(1) : whole(rows)),
  )
  const queue = createChart(
    figure('queue'),
    [{ label: 'Without an answer', colour: '--text', isFilled: true }],
    whole,
  )
  type Column = (name: Exclude<keyof Reading, 'at'>) => readonly (number | undefined)[]
  const shows: readonly ((times: readonly number[], column: Column) => void)[] = [
    (times, column) => throughput.show(times, [column('device'), column('server')]),
    (times, column) => latency.show(times, [column('p50'), column('p95'), column('p99')]),
    (times, column) => batches.show(times, [column('shared')]),
    (times, column) => queue.show(times, [column('open')]),
  ]
  let latest: readonly Reading[] = []
  let isDue = false
  let isDrawing = false
  // Each in a task of its own: together they would hold the page.
  const drawAll = async () => {
    isDrawing = true
    while (isDue) {
      isDue = false
      // A copy: the list goes on between the charts.
      const readings = [...latest]
      const newest = readings.at(-1)?.at ?? 0
      const times = readings.map(({ at }) => at - newest)
      for (const show of shows) {
        show(times, (name) => readings.map((reading) => reading[name]))
        await new Promise((resolve) => setTimeout(resolve))
      }
    }
    isDrawing = false
  }
  return (readings) => {
    latest = readings
    isDue = true
    if (!isDrawing) void drawAll()
  }
}
