import type { Progress } from '../store/worker/load-files.ts'
import { find } from './find.ts'
import { bytes, duration, percent } from './words.ts'

export interface ProgressView {
  starting(): void
  loading(progress: Progress): void
  ready(): void
  failed(): void
}

/** How the model's files come: how many bytes, and whether from the network or the browser's storage. */
export function createProgressView(panel: HTMLElement): ProgressView {
  const bar = find('progress', HTMLProgressElement, panel)
  const text = find('[data-part="text"]', HTMLElement, panel)
  let last: Progress | undefined

  const show = (state: 'starting' | 'loading' | 'ready' | 'failed', words: string) => {
    panel.dataset.state = state
    text.textContent = words
  }
  return {
    starting: () => {
      bar.removeAttribute('value')
      show('starting', 'Getting ready')
    },
    loading: (progress) => {
      const { loadedBytes, totalBytes, storedBytes } = progress
      last = progress
      Object.assign(panel.dataset, { loaded: loadedBytes, total: totalBytes, stored: storedBytes })
      if (loadedBytes >= totalBytes) {
        bar.removeAttribute('value')
        show('loading', 'Starting')
        return
      }
      bar.max = totalBytes
      bar.value = loadedBytes
      show(
        'loading',
        `Downloading ${bytes(totalBytes)}, ${percent(loadedBytes / totalBytes)}${paceOf(progress)}`,
      )
    },
    ready: () => {
      bar.max = 1
      bar.value = 1
      show('ready', last ? hereAs(last) : 'Nothing to download')
    },
    failed: () => {
      bar.max = 1
      bar.value = 0
      show('failed', 'Not on this device')
    },
  }
}

/** What is over sooner than it is read says nothing. */
const worthTellingMs = 2_000

function paceOf({ bytesPerSecond, remainingMs }: Progress): string {
  if (bytesPerSecond === undefined || remainingMs === undefined || remainingMs < worthTellingMs) return ''
  return `, ${bytes(bytesPerSecond)}/s, ${duration(remainingMs)} left`
}

function hereAs({ totalBytes, storedBytes, isKept }: Progress): string {
  if (!isKept) return `${bytes(totalBytes)} downloaded, not kept: no room`
  if (storedBytes === 0) return `${bytes(totalBytes)} downloaded`
  if (storedBytes === totalBytes) return `${bytes(totalBytes)} from storage`
  return `${bytes(totalBytes - storedBytes)} downloaded, ${bytes(storedBytes)} from storage`
}
