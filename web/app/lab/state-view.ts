import type { RuntimeWithFaults } from '../../api/runtime-with-faults.ts'
import { find } from '../../view/find.ts'
import { bytes, countOf, countText, milliseconds } from '../../view/words.ts'
import { showCapacity } from '../capacity-view.ts'
import type { Reading } from './history.ts'
import type { Choice } from './load-form.ts'
import type { LoadGenerator } from './load-generator.ts'
import { laneRows, placementRows } from './load-views.ts'
import { createMeasurements } from './measured.ts'
import { writeReport } from './report.ts'
import { showReport } from './report-view.ts'
import { createRowsView } from './rows-view.ts'
import { createStored } from './stored.ts'

export interface StateSources {
  readonly announce: (text: string) => void
  readonly load: () => Choice
  readonly counts: LoadGenerator
  readonly newest: () => Reading | undefined
  readonly faults: () => readonly string[]
}

/** Shows the runtime's lanes and placements, and what it has measured and stored; all of it as a report, too. */
export function showState(
  runtime: RuntimeWithFaults,
  sources: StateSources,
): { write(): void; refresh(): void } {
  const list = (id: string, empty: string) => createRowsView(find(id, HTMLElement), empty)
  const showLanes = list('#lanes', 'None has started yet.')
  const showPlacements = list('#placements', 'No call is answered yet.')
  const showMeasured = list('#measured', 'Nothing yet.')
  const showStored = list('#stored', 'Nothing is stored.')
  const usage = find('#usage', HTMLElement)
  const measured = createMeasurements(runtime)

  const write = () => {
    const stats = runtime.stats()
    showLanes(laneRows(stats, runtime))
    showPlacements(placementRows(stats))
  }
  const stored = createStored(runtime, (name, freed) => void removed(name, freed))
  const refresh = async () => {
    const [rows, words, curves] = await Promise.all([stored.rows(), stored.usage(), measured()])
    showStored(rows)
    showMeasured(curves)
    usage.textContent = words
    write()
  }
  const removed = async (name: string, freed: number) => {
    await refresh()
    sources.announce(`${name} removed, ${bytes(freed)} freed`)
    // Its button, which had the focus, is gone.
    find('#stored', HTMLElement).focus()
  }
  find('#measure', HTMLButtonElement).addEventListener('click', refresh)
  const panel = find('#capacity', HTMLElement)
  void runtime.capacity().then((capacity) => showCapacity(panel, capacity))

  const report = async (): Promise<string> => {
    const stats = runtime.stats()
    const [storedNow, measuredNow] = await Promise.all([stored.rows(), measured()])
    return writeReport({
      date: new Date(),
      browser: navigator.userAgent,
      device: find('[data-part="brief"]', HTMLElement, panel).textContent ?? '',
      load: `${loadWords(sources.load())}, policy \`${runtime.policy}\``,
      figures: figureLines(sources.counts, sources.newest()),
      faults: sources.faults(),
      sections: [
        { title: 'Placements', rows: placementRows(stats) },
        { title: 'Lanes and queues', rows: laneRows(stats, runtime) },
        { title: 'Measured', rows: measuredNow },
        { title: 'Stored', rows: storedNow },
      ],
    })
  }
  showReport(find('#report', HTMLElement), report, sources.announce)
  return { write, refresh: () => void refresh() }
}

const loadWords = ({ subject, loop, amount }: Choice): string =>
  `\`${subject.id}\`, ${loop === 'closed' ? countOf(amount, 'caller') : `${countText(amount)} calls a second`}`

function figureLines({ answered, lost, skipped }: LoadGenerator, newest: Reading | undefined): string[] {
  const lines = [
    `${countText(answered.device)} calls answered here, ${countText(answered.server)} by the server`,
    `${countText(lost)} lost, ${countText(skipped)} not made`,
  ]
  if (newest === undefined) return lines
  const { device, server, p50, p95, p99, shared } = newest
  lines.push(`${countText(Math.round(device))} a second here, ${countText(Math.round(server))} by the server`)
  if (p50 !== undefined && p95 !== undefined && p99 !== undefined)
    lines.push(
      `half within ${milliseconds(p50)}, 95 of 100 within ${milliseconds(p95)}, 99 within ${milliseconds(p99)}`,
    )
  if (shared !== undefined) lines.push(`${shared.toFixed(1)} rows a run`)
  return lines
}
