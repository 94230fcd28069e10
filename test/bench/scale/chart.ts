import type { Moment, Summary } from './summary.ts'

interface Panel {
  readonly title: string
  readonly value: (moment: Moment) => number
  readonly isLogarithmic?: boolean
}

const panels: readonly Panel[] = [
  { title: 'answered by the device, %', value: ({ deviceShare }) => 100 * deviceShare },
  { title: 'p99, ms', value: ({ p99 }) => p99, isLogarithmic: true },
  { title: 'refused or left, %', value: ({ refused, left }) => 100 * (refused + left) },
  { title: 'replicas with a GPU at work', value: ({ busy }) => busy.gpu },
]

const colours: Readonly<Record<string, string>> = { auto: '#0b6e99', server: '#b5542b', device: '#3d7a3d' }

const width = 760
const panelHeight = 130
const left = 60
const top = 74
const gap = 34

/** One scenario over time, a line for each policy. */
export function chartOf(summaries: readonly Summary[]): string {
  const [first] = summaries
  const height = top + panels.length * (panelHeight + gap) + 10
  const hours = summaries.flatMap(({ moments }) => moments.map(({ hour }) => hour))
  const [from, to] = [Math.min(...hours), Math.max(...hours)]
  const x = (hour: number) => left + ((hour - from) / (to - from || 1)) * (width - left - 20)
  const parts = panels.map((panel, at) => drawPanel(panel, summaries, top + at * (panelHeight + gap), x))
  const ticks = Array.from({ length: 7 }, (_, at) => from + ((to - from) * at) / 6)
  const times = ticks.map((hour) => text(x(hour), height - 8, clockTime(hour), 'middle'))
  const legend = summaries.map(({ policy }, at) =>
    text(left + 90 * at, 44, policy, 'start', colours[policy] ?? '#333'),
  )
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">`,
    `<title>${first?.name ?? ''}: the device's share, p99, losses and GPUs at work over time</title>`,
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    `<text x="${left}" y="24" font-size="16" fill="#222">${first?.name ?? ''}</text>`,
    ...legend,
    ...parts,
    ...times,
    '</svg>',
    '',
  ].join('\n')
}

function drawPanel(
  { title, value, isLogarithmic = false }: Panel,
  summaries: readonly Summary[],
  y: number,
  x: (hour: number) => number,
): string {
  const values = summaries.flatMap(({ moments }) => moments.map(value)).filter(Number.isFinite)
  const most = Math.max(1, ...values)
  const least = isLogarithmic ? Math.max(1, Math.min(...values)) : 0
  const share = (one: number) =>
    isLogarithmic ? Math.log(Math.max(least, one) / least) / Math.log(most / least || 2) : one / most
  const at = (one: number) => y + panelHeight - panelHeight * share(one)
  const lines = summaries.map(({ policy, moments }) => {
    const points = moments
      .filter((moment) => Number.isFinite(value(moment)))
      .map((moment) => `${x(moment.hour).toFixed(1)},${at(value(moment)).toFixed(1)}`)
    return `<polyline points="${points.join(' ')}" fill="none" stroke="${colours[policy] ?? '#333'}" stroke-width="1.5"/>`
  })
  return [
    text(left, y - 6, title, 'start'),
    `<path d="M${left} ${y}V${y + panelHeight}H${width - 20}" fill="none" stroke="#999"/>`,
    text(left - 6, y + 10, figure(most), 'end'),
    text(left - 6, y + panelHeight, figure(least), 'end'),
    ...lines,
  ].join('\n')
}

const text = (x: number, y: number, words: string, anchor: string, fill = '#444') =>
  `<text x="${x.toFixed(1)}" y="${y}" text-anchor="${anchor}" fill="${fill}">${words}</text>`

const figure = (value: number) => (value >= 10 ? value.toFixed(0) : value.toFixed(1).replace('.0', ''))

const clockTime = (hour: number) => {
  const minutes = Math.round(hour * 60)
  return `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, '0')}`
}
