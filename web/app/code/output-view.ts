import { find } from '../../view/find.ts'
import { milliseconds } from '../../view/words.ts'
import type { ProgramFailure } from './messages.ts'

/** Characters that are kept: a program may print for ever. */
const longestOutput = 20_000

export interface OutputView {
  started(): void
  print(text: string): void
  clear(): void
  failed(failure: ProgramFailure): void
  ended(ms: number): void
  stopped(): void
}

/** Shows what a program prints, how it failed, and whether it runs. */
export function createOutputView(): OutputView {
  const output = find('#output', HTMLPreElement)
  const failure = find('#failure', HTMLElement)
  const ran = find('#ran', HTMLElement)
  // It scrolls by itself: by keyboard, too.
  output.tabIndex = 0
  let text = ''
  let isWritten = true

  /** Once a frame, however much is printed. */
  const write = () => {
    if (!isWritten) return
    isWritten = false
    requestAnimationFrame(() => {
      isWritten = true
      output.textContent = text
      output.scrollTop = output.scrollHeight
    })
  }
  const set = (printed: string) => {
    text = printed.slice(-longestOutput)
    write()
  }
  return {
    started: () => {
      set('')
      failure.hidden = true
      ran.textContent = 'Running'
    },
    print: (line) => set(`${text}${line}\n`),
    clear: () => set(''),
    failed: ({ failed, code, line }) => {
      const place = line === undefined ? '' : `Line ${line}: `
      failure.replaceChildren(`${place}${failed}${code === undefined ? '' : ' '}`)
      if (code !== undefined) {
        const guide = document.createElement('a')
        guide.href = `./docs/errors.html#${encodeURIComponent(code)}`
        guide.textContent = code
        failure.append(guide)
      }
      failure.hidden = false
      ran.textContent = 'Failed'
    },
    ended: (ms) => {
      ran.textContent = `Ended after ${milliseconds(ms)}`
    },
    stopped: () => {
      ran.textContent = 'Stopped'
    },
  }
}
