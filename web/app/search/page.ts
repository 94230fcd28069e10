import { systemClock } from '../../../models/async/clock.ts'
import { SpillwayError } from '../../../models/core/index.ts'
import type { Runtime } from '../../api/create-runtime.ts'
import type { Model } from '../../api/model.ts'
import { Library } from '../../search/library.ts'
import { splitPassages } from '../../search/split.ts'
import { createVectorStore } from '../../search/vector-store.ts'
import { createAnnouncer } from '../../view/announce.ts'
import { errorWords } from '../../view/error-words.ts'
import { find } from '../../view/find.ts'
import { LatestTask } from '../../view/latest-task.ts'
import { createProgressView } from '../../view/progress-view.ts'
import { countText, milliseconds } from '../../view/words.ts'
import { createErrorView } from '../error-view.ts'
import { createFiguresView, type Figure } from '../figures-view.ts'
import { showHubModels } from '../hub-models.ts'
import { Opener } from '../opener.ts'
import { createSharedMeter } from '../shared-meter.ts'
import { acceptDrops, checkOwnText } from './own-text.ts'
import { keptWords } from './reading-words.ts'
import { createResultsView } from './results-view.ts'

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
  const error = createErrorView(
    find('#error', HTMLElement),
    () => {
      error.clear()
      if (!chosen) opener.reopen()
      reading.restart()
    },
    // What is wrong with a file or a text is said in its own words.
    ({ code, message }) => (code === 'input_value_invalid' ? message : errorWords(code)),
  )
  const fail = (cause: unknown) => error.show(SpillwayError.from(cause, 'internal', 'The page failed'))
  const opener = new Opener(runtime, 'passages', createProgressView(find('#progress', HTMLElement)), fail)
  const vectors = createVectorStore({ clock: systemClock })

  /** A model of the hub, once the visitor has it. */
  let chosen: Model | undefined
  const model = async () => chosen ?? opener.model()
  let readShared = createSharedMeter(runtime, 'passages')
  let library = new Library([])
  let like: number | undefined
  const note = find('#results-note', HTMLElement)
  /** Of what was recorded, until something is found here. It is played once. */
  const recorded = new AbortController()
  let isPlayed = false
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
        ? (await (await model()).embed(text, { signal, truncate: true })).embeddings[0]
        : from.vector(like ?? 0)
    if (!vector || from !== library) return
    const embedded = performance.now()
    const found = from.nearest(vector, shownPassages)
    const rankMs = performance.now() - embedded
    recorded.abort()
    showResults(from, found, text)
    note.textContent = text ? `Nearest to “${text}”` : `Nearest to passage ${(like ?? 0) + 1}`
    showFigures({
      ...(text && { embed: [embedded - before, milliseconds(embedded - before)] }),
      rank: [rankMs, milliseconds(rankMs)],
    })
    announcer.settled(`${found.length} passages found`)
  }
  const ranking = new LatestTask((signal) => rank(signal).catch(report(signal, fail)))

  const read = async (signal: AbortSignal) => {
    const ownText = own.value.trim()
    const passages = splitPassages(ownText ? checkOwnText(ownText) : await fetchBook(signal))
    const next = new Library(passages)
    if (ownText) recorded.abort()
    // Where its code does not come, there is one picture less.
    else if (!isPlayed) play(next).catch(() => {})
    isPlayed = true
    const reader = await model()
    like = undefined
    library = next
    const started = performance.now()
    const words = (done: number) => {
      const seconds = (performance.now() - started) / 1000
      return `${countText(done)} of ${countText(passages.length)} passages read in ${seconds.toFixed(1)} s`
    }
    let fromStore = 0
    const result = await next.embed(reader, {
      signal,
      // Of a visitor's own text nothing is kept.
      store: ownText ? undefined : vectors,
      onProgress: (done, kept) => {
        fromStore = kept
        if (done < passages.length) status.textContent = words(done)
        const shared = readShared()
        showFigures({
          passages: [done, countText(done)],
          ...(shared !== undefined && { shared: [shared, shared.toFixed(1)] }),
        })
      },
    })
    status.textContent =
      words(passages.length) + (ownText ? '' : keptWords(result, fromStore, passages.length))
    ranking.request()
  }
  const play = async (from: Library) => {
    const [{ playSearch }, { default: search }] = await Promise.all([
      import('./recorded-search.ts'),
      import('../recorded/search.json'),
    ])
    const say = (words: string) => {
      note.textContent = words
    }
    playSearch(search, from, { results: showResults, note: say }, recorded.signal)
  }
  const reading = new LatestTask((signal) => read(signal).catch(report(signal, fail)))

  query.addEventListener('input', () => {
    like = undefined
    ranking.request()
  })
  find('#search', HTMLFormElement).addEventListener('submit', (event) => event.preventDefault())
  const restart = () => {
    error.clear()
    reading.restart()
  }
  own.addEventListener('change', restart)
  acceptDrops(own, restart, fail)
  showHubModels(runtime, {
    task: 'feature-extraction',
    purpose: 'search with it',
    chosen: () => {
      find('#hub-loading', HTMLElement).hidden = false
    },
    loaded: ({ title, license }, loaded) => {
      chosen = loaded
      readShared = createSharedMeter(runtime, loaded.manifest.id)
      find('#model-about', HTMLElement).textContent =
        `${title} reads now, under the licence ${license}. It knows words of today, and their order.`
      announcer.now(`${title} reads the passages`)
      restart()
    },
  })
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
