import type { RuntimeWithFaults } from '../../api/runtime-with-faults.ts'
import { createAnnouncer } from '../../view/announce.ts'
import { find } from '../../view/find.ts'
import { createProgressView, type ProgressView } from '../../view/progress-view.ts'
import { showSpillway } from '../../view/spillway/view.ts'
import { createErrorView } from '../error-view.ts'
import { Opener } from '../opener.ts'
import type { Subject } from './calls.ts'
import { shownSeconds } from './chart.ts'
import { createCharts } from './charts.ts'
import { showFaults } from './faults-view.ts'
import { showFigures } from './figures.ts'
import { History, type Reading } from './history.ts'
import { showLoadForm } from './load-form.ts'
import { LoadGenerator } from './load-generator.ts'
import { playLoad } from './recorded-load.ts'
import { showState } from './state-view.ts'

/** Milliseconds between two looks at which calls are due. */
const tickMs = 16

/** Milliseconds between two readings. */
const readMs = 250

/** Milliseconds between two drawings of the charts where motion is reduced: until then figures tell as much. */
const stillMs = 5_000

/** Milliseconds of rest after which figures and charts stand still, while they still show the last calls. */
const restMs = 1_500

/** Wires the parts of the lab together. */
export function showPage(runtime: RuntimeWithFaults): void {
  const announcer = createAnnouncer(find('#announcements', HTMLElement))
  const load = new LoadGenerator(() => performance.now())
  const history = new History(load, runtime, (shownSeconds * 1_000) / readMs)
  const charts = createCharts(find('#charts', HTMLElement))
  const recorded = showRecorded(charts)
  const writeFigures = showFigures(find('#figures', HTMLElement), load)
  const faults = showFaults(find('#faults', HTMLElement), runtime, load, announcer.now)

  const error = createErrorView(find('#error', HTMLElement), () => {
    error.clear()
    openerOf(form.choice.subject).reopen()
  })
  const progress = createProgressView(find('#progress', HTMLElement))
  const progressOf = (subject: Subject): ProgressView => ({
    ...progress,
    ready: () => {
      if (subject === form.choice.subject) progress.ready()
      state.refresh()
    },
  })
  const openers = new Map<Subject, Opener>()
  const openerOf = (subject: Subject): Opener => {
    let opener = openers.get(subject)
    if (!opener) {
      opener = new Opener(runtime, subject.id, progressOf(subject), (cause) => {
        // The visitor has chosen another model meanwhile.
        if (subject !== form.choice.subject) return
        load.stop()
        form.stopped()
        error.show(cause)
      })
      openers.set(subject, opener)
    }
    return opener
  }
  const start = async () => {
    const { choice } = form
    const { subject, loop, amount } = choice
    // Where it cannot be opened, the opener has said so.
    const model = await openerOf(subject)
      .model()
      .catch(() => undefined)
    if (model && form.isRunning && form.choice === choice)
      load.start({ loop, amount, mostOpen: subject.mostOpen, call: () => subject.call(model) })
  }
  const form = showLoadForm(find('#load', HTMLFormElement), {
    start: () => {
      recorded.end()
      error.clear()
      void start()
    },
    stop: () => load.stop(),
    change: (what) => {
      if (what === 'subject') {
        load.stop()
        openerOf(form.choice.subject).reopen()
      }
      if (form.isRunning) void start()
    },
    policy: (policy) => {
      error.clear()
      openerOf(form.choice.subject).setPolicy(policy)
      if (form.isRunning) void start()
    },
  })
  const state = showState(runtime, {
    announce: announcer.now,
    load: () => form.choice,
    counts: load,
    newest: () => history.readings.findLast(({ p50 }) => p50 !== undefined),
    faults: () => faults.seen,
  })
  showSpillway(find('#spillway', HTMLElement), runtime, () => load.open)

  // A hidden page makes no calls: nobody would see what becomes of them.
  window.setInterval(() => {
    if (!document.hidden) load.tick()
  }, tickMs)
  const still = matchMedia('(prefers-reduced-motion: reduce)')
  let busyAt = Number.NEGATIVE_INFINITY
  let drawnAt = busyAt
  window.setInterval(() => {
    const now = performance.now()
    if (load.isRunning || load.open > 0) busyAt = now
    if (document.hidden) return
    const reading = history.read(form.choice.subject.id, now)
    if (now - busyAt > restMs) return
    writeFigures(reading)
    if (!still.matches || drawnAt + stillMs <= now) {
      charts(history.readings)
      drawnAt = now
    }
    faults.write()
    state.write()
  }, readMs)
  state.write()
  openerOf(form.choice.subject).reopen()
}

/** Until the visitor loads the runtime himself, the charts play what another day's load did. */
function showRecorded(charts: (readings: readonly Reading[]) => void): { end(): void } {
  const what = find('#charts [data-part="what"]', HTMLElement)
  const own = what.textContent
  const ending = new AbortController()
  what.textContent =
    'Recorded on an earlier day: a lane is killed, then all goes to the server. Start the load to see your own.'
  void import('../recorded/lab.json').then(({ default: load }) => playLoad(load, charts, ending.signal))
  return {
    end: () => {
      ending.abort()
      what.textContent = own
    },
  }
}
