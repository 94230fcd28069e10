import type { ErrorCode, Reference } from '../../../models/core/index.ts'
import type { Advice } from '../../api/advise.ts'
import type { Runtime } from '../../api/create-runtime.ts'
import { errorWords } from '../../view/error-words.ts'
import { find } from '../../view/find.ts'
import { backendName, bytes } from '../../view/words.ts'

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

/** What a visitor is told where a model of the hub fails. */
export const hubErrorWords = (code: ErrorCode): string => words[code] ?? errorWords(code)

export interface HubModelsWatcher {
  /** The visitor has seen what the model takes, and wants it. */
  readonly chosen: (reference: Reference) => void
  readonly asked: () => void
  readonly failed: (cause: unknown) => void
}

/** The hub's chat models that this site names. The hub is asked about one only once the visitor has pressed its button. */
export async function showHubModels(
  runtime: Runtime,
  { chosen, asked, failed }: HubModelsWatcher,
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
      get.textContent = advice.device ? `${getWords(advice.device.downloadBytes)} talk` : ''
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
    const models = hub.filter(({ task }) => task === 'text-generation')
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
