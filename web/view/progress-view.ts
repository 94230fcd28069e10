import type { Progress } from '../store/worker/load-files.ts'
import { find } from './find.ts'
import { isDownloadFault } from './is-not-found.ts'
import { bytes, duration, percent } from './words.ts'

export interface ProgressView {
  starting(): void
  loading(progress: Progress): void
  ready(): void
  /** The model could not be downloaded, or the device could not load it. */
  failed(cause: unknown): void
  /** The model was not found: its server does not answer, or has none. */
  unavailable(): void
}

/** Shows the loading of a model's files: how many bytes, and whether from the network or the browser's storage. */
export function createProgressView(panel: HTMLElement): ProgressView {
  const bar = find('progress', HTMLProgressElement, panel)
  const text = find('[data-part="text"]', HTMLElement, panel)
  let last: Progress | undefined

  const show = (state: 'starting' | 'loading' | 'ready' | 'failed', words: string) => {
    panel.dataset.state = state
    text.textContent = words
  }
  const fail = (words: string) => {
    bar.max = 1
    bar.value = 0
    show('failed', words)
  }
  return {
    starting: () => {
      bar.removeAttribute('value')
      show('starting', 'Preparing')
    },
    loading: (progress) => {
      const { loadedBytes, totalBytes, storedBytes } = progress
      last = progress
      Object.assign(panel.dataset, { loaded: loadedBytes, total: totalBytes, stored: storedBytes })
      if (loadedBytes >= totalBytes) {
        bar.removeAttribute('value')
        show('loading', 'Starting the model')
        return
      }
      bar.max = totalBytes
      bar.value = loadedBytes
      show('loading', loadingWords(progress))
    },
    ready: () => {
      bar.max = 1
      bar.value = 1
      show('ready', last ? summaryOf(last) : 'Nothing to download')
    },
    failed: (cause) =>
      fail(isDownloadFault(cause) ? 'The model could not be downloaded' : 'Not available on this device'),
    unavailable: () => fail('The model was not found'),
  }
}

/** `Downloading 4.1 MB, 30%, 2.0 MB/s, 3 s left`. */
export const loadingWords = (progress: Progress): string => `${activityOf(progress)}${paceOf(progress)}`

/** Says "downloading" once bytes came from the network: a stored model never does. */
function activityOf({ loadedBytes, totalBytes, storedBytes }: Progress): string {
  const share = percent(loadedBytes / totalBytes)
  if (loadedBytes > storedBytes) return `Downloading ${bytes(totalBytes)}, ${share}`
  return storedBytes === 0 ? 'Preparing' : `Reading ${bytes(totalBytes)} from storage, ${share}`
}

/** A shorter remaining time is over before a visitor has read it. */
const minShownMs = 2_000

function paceOf({ bytesPerSecond, remainingMs }: Progress): string {
  if (bytesPerSecond === undefined || remainingMs === undefined || remainingMs < minShownMs) return ''
  return `, ${bytes(bytesPerSecond)}/s, ${duration(remainingMs)} left`
}

function summaryOf({ totalBytes, storedBytes, isKept }: Progress): string {
  if (!isKept) return `${bytes(totalBytes)} loaded, not kept for the next visit`
  if (storedBytes === 0) return `${bytes(totalBytes)} downloaded`
  if (storedBytes === totalBytes) return `${bytes(totalBytes)} from storage`
  return `${bytes(totalBytes - storedBytes)} downloaded, ${bytes(storedBytes)} from storage`
}
