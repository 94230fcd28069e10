import { SpillwayError } from '../../../models/core/index.ts'
import type { Runtime } from '../../api/create-runtime.ts'
import { createAnnouncer } from '../../view/announce.ts'
import { find } from '../../view/find.ts'
import { LatestTask } from '../../view/latest-task.ts'
import { createProgressView } from '../../view/progress-view.ts'
import { countText, milliseconds } from '../../view/words.ts'
import { createErrorView } from '../error-view.ts'
import { createFiguresView, type Figure } from '../figures-view.ts'
import { Opener } from '../opener.ts'
import { createSharedMeter } from '../shared-meter.ts'
import { Library } from './library.ts'
import { createResultsView } from './results-view.ts'
import { splitPassages } from './split.ts'

const modelId = 'passages'
const shownPassages = 8
const figureNames = ['passages', 'shared', 'embed', 'rank'] as const
const book = new URL('./alice.txt', import.meta.url)

/** Wires the parts of the search page together. */
export function showPage(runtime: Runtime): void {
  const announcer = createAnnouncer(find('#announcements', HTMLElement))
  const query = find('#query', HTMLInputElement)
  const own = find('#own', HTMLTextAreaElement)
  const status = find('#reading', HTMLElement)
  const figuresView = createFiguresView(find('#figures', HTMLElement), figureNames)
  let shown: Partial<Record<(typeof figureNames)[number], Figure>> = {}
  const showFigures = (newer: typeof shown) => {
    shown = { ...shown, ...newer }
    figuresView.show(shown)
  }
  const readShared = createSharedMeter(runtime, modelId)
  const error = createErrorView(find('#error', HTMLElement), () => {
    error.clear()
    opener.reopen()
    reading.restart()
  })
  const fail = (cause: unknown) => error.show(SpillwayError.from(cause, 'internal', 'The page failed'))
  const opener = new Opener(runtime, modelId, createProgressView(find('#progress', HTMLElement)), fail)

  let library = new Library([])
  let like: number | undefined
  const showResults = createResultsView(find('#results', HTMLElement), (index) => {
    like = index
    query.value = ''
    ranking.request()
    find('#results-title', HTMLElement).focus()
  })

  const rank = async (signal: AbortSignal) => {
    const text = query.value.trim()
    const from = library
    const before = performance.now()
    const vector =
      like === undefined && text
        ? (await (await opener.model()).embed(text, { signal })).embeddings[0]
        : from.vector(like ?? 0)
    if (!vector || from !== library) return
    const embedded = performance.now()
    const found = from.nearest(vector, shownPassages)
    const rankMs = performance.now() - embedded
    showResults(from, found, text)
    showFigures({
      ...(text && { embed: [embedded - before, milliseconds(embedded - before)] }),
      rank: [rankMs, milliseconds(rankMs)],
    })
    announcer.settled(`${found.length} passages found`)
  }
  const ranking = new LatestTask((signal) => rank(signal).catch(report(signal, fail)))

  const read = async (signal: AbortSignal) => {
    const ownText = own.value.trim()
    const passages = splitPassages(ownText || (await fetchBook(signal)))
    const next = new Library(passages)
    like = undefined
    library = next
    const started = performance.now()
    await next.embed(await opener.model(), signal, (done) => {
      const seconds = (performance.now() - started) / 1000
      status.textContent = `${countText(done)} of ${countText(passages.length)} passages read in ${seconds.toFixed(1)} s`
      const shared = readShared()
      showFigures({
        passages: [done, countText(done)],
        ...(shared !== undefined && { shared: [shared, shared.toFixed(1)] }),
      })
    })
    ranking.request()
  }
  const reading = new LatestTask((signal) => read(signal).catch(report(signal, fail)))

  query.addEventListener('input', () => {
    like = undefined
    ranking.request()
  })
  find('#search', HTMLFormElement).addEventListener('submit', (event) => event.preventDefault())
  own.addEventListener('change', () => reading.restart())
  acceptDrops(own, () => reading.restart(), fail)
  void import('../../view/spillway/view.ts').then(({ showSpillway }) =>
    showSpillway(find('#spillway', HTMLElement), runtime),
  )
  // What a visitor types or pastes stays here.
  opener.setPolicy('device')
  reading.request()
}

/** A task that a newer one ended has no error to show. */
const report = (signal: AbortSignal, fail: (cause: unknown) => void) => (cause: unknown) => {
  if (!signal.aborted) fail(cause)
}

async function fetchBook(signal: AbortSignal): Promise<string> {
  const response = await fetch(book, { signal })
  if (!response.ok) throw new SpillwayError('server_unreachable', `The book answers ${response.status}`)
  return response.text()
}

/** Reads a text file that is dropped on the field. */
function acceptDrops(own: HTMLTextAreaElement, onText: () => void, fail: (cause: unknown) => void): void {
  own.addEventListener('dragover', (event) => event.preventDefault())
  own.addEventListener('drop', (event) => {
    const file = event.dataTransfer?.files[0]
    if (!file) return
    event.preventDefault()
    file.text().then((text) => {
      own.value = text
      onText()
    }, fail)
  })
}
