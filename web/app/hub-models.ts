import { type ErrorCode, type Reference, SpillwayError, type Task } from '../../models/core/index.ts'
import type { Advice } from '../api/advise.ts'
import type { Runtime } from '../api/create-runtime.ts'
import type { Model } from '../api/model.ts'
import { errorWords } from '../view/error-words.ts'
import { find } from '../view/find.ts'
import { createProgressView } from '../view/progress-view.ts'
import { backendName, bytes } from '../view/words.ts'
import { createErrorView } from './error-view.ts'

const unreachable = 'The hub cannot be reached from here. Check the network, and try again.'
const unknown = 'The hub does not have this model any more'

const words: Readonly<Partial<Record<ErrorCode, string>>> = {
  server_unreachable: unreachable,
  server_timeout: unreachable,
  server_response_invalid: unreachable,
  overloaded: 'The hub has too much to do. Try again in a few minutes.',
  model_unknown: unknown,
  access_denied: unknown,
  file_missing: unknown,
  capacity_insufficient: 'This device cannot run the model. Close other pages, or take a smaller one.',
}

export interface HubModelsOptions {
  /** The models of this task are offered. */
  readonly task: Task
  /** What the visitor can do once the model is here, as a verb: `talk`. */
  readonly purpose: string
  /** The visitor wants this model. `model` resolves to it once it is loaded, and again after another attempt. */
  readonly chosen: (reference: Reference, model: () => Promise<Model>) => void
  /** It is loaded on this device. */
  readonly loaded?: (reference: Reference, model: Model) => void
}

/**
 * The hub's models that this site names. The hub is asked about one only once the visitor has pressed its button, and
 * nothing is downloaded before he has seen what it takes.
 *
 * @returns Shows a failure of the model later on.
 */
export function showHubModels(
  runtime: Runtime,
  { task, purpose, chosen, loaded }: HubModelsOptions,
): { failed(cause: unknown): void } {
  let retry = () => {}
  const error = createErrorView(
    find('#hub-error', HTMLElement),
    () => {
      error.clear()
      retry()
    },
    ({ code }) => words[code] ?? errorWords(code),
  )
  const failed = (cause: unknown) => error.show(SpillwayError.from(cause, 'internal', 'The page failed'))
  const progress = createProgressView(find('#hub-progress', HTMLElement))
  let loading = new AbortController()

  const choose = (reference: Reference) => {
    find('#hub-title', HTMLElement).textContent = reference.title
    loading.abort()
    loading = new AbortController()
    const { signal } = loading
    const open = async () => {
      progress.starting()
      try {
        const model = await runtime.model(reference.source, { signal })
        await model.load({
          signal,
          onProgress: (now) => {
            if (!signal.aborted) progress.loading(now)
          },
        })
        progress.ready()
        loaded?.(reference, model)
        return model
      } catch (cause) {
        if (!signal.aborted) {
          progress.failed(cause)
          failed(cause)
        }
        throw cause
      }
    }
    let opening: Promise<Model>
    retry = () => {
      opening = open()
      // Shown already.
      opening.catch(() => {})
    }
    retry()
    chosen(reference, () => opening)
  }
  void offer(runtime, task, purpose, { chosen: choose, asked: error.clear, failed })
  return { failed }
}

interface OfferWatcher {
  readonly chosen: (reference: Reference) => void
  readonly asked: () => void
  readonly failed: (cause: unknown) => void
}

async function offer(
  runtime: Runtime,
  task: Task,
  purpose: string,
  { chosen, asked, failed }: OfferWatcher,
): Promise<void> {
  const list = find('#hub-models', HTMLElement)
  const panel = find('#hub-facts', HTMLElement)
  const facts = find('[data-part="facts"]', HTMLElement, panel)
  const get = find('#hub-get', HTMLButtonElement)
  let picked: Reference | undefined
  const ask = async (reference: Reference) => {
    picked = reference
    asked()
    get.hidden = true
    facts.textContent = 'Asking the hub'
    panel.hidden = false
    try {
      const advice = await runtime.advise(reference.source)
      if (picked !== reference) return
      facts.textContent = describe(reference, advice)
      get.hidden = advice.device === null
      get.textContent = advice.device ? `${getWords(advice.device.downloadBytes)} ${purpose}` : ''
    } catch (cause) {
      if (picked !== reference) return
      panel.hidden = true
      failed(cause)
    }
  }
  get.addEventListener('click', () => {
    panel.hidden = true
    if (picked) chosen(picked)
  })
  try {
    const { hub } = await runtime.catalogue()
    const models = hub.filter((reference) => reference.task === task)
    list.replaceChildren(...models.map((reference) => itemOf(reference, () => void ask(reference))))
  } catch {
    // The page's own model says what is wrong with its server.
    list.textContent = 'The list of models could not be read.'
  }
}

const getWords = (downloadBytes: number) =>
  downloadBytes === 0 ? 'Load it from storage and' : `Download ${bytes(downloadBytes)} and`

function describe({ title, license }: Reference, { device, explanation }: Advice): string {
  if (!device) return `${title} does not run here: ${explanation}`
  const { backend, variant, memoryBytes, storedBytes, downloadBytes } = device
  const stored = storedBytes > 0 ? `, ${bytes(storedBytes)} are here already` : ''
  return `${title} runs here, on ${backendName(backend)} (${variant}): ${bytes(downloadBytes)} to download${stored}, about ${bytes(memoryBytes)} of memory. License: ${license}. It is kept in this browser.`
}

function itemOf({ source, title, description, license }: Reference, onPick: () => void): HTMLElement {
  const button = document.createElement('button')
  button.type = 'button'
  button.dataset.source = source
  button.textContent = title
  button.addEventListener('click', onPick)
  const about = document.createElement('span')
  about.className = 'quiet'
  about.textContent = `${description} License: ${license}.`
  const item = document.createElement('li')
  item.append(button, about)
  return item
}
