import type { Runtime } from '../../api/create-runtime.ts'
import { find } from '../../view/find.ts'
import { showSpillway } from '../../view/spillway/view.ts'
import { createPlacementView } from '../placement-view.ts'
import { createOutputView } from './output-view.ts'
import { programs } from './programs.ts'
import { runProgram } from './run-program.ts'
import { showWays } from './show-ways.ts'

/** Wires the parts of the code page together. */
export function showPage(runtime: Runtime): void {
  showSpillway(find('#spillway', HTMLElement), runtime)
  showWays(find('#ways', HTMLElement))
  const form = find('#program', HTMLFormElement)
  const source = find('#source', HTMLTextAreaElement)
  const stop = find('#stop', HTMLButtonElement)
  const placement = createPlacementView(find('#placement', HTMLElement))
  const output = createOutputView()

  let end = () => {}
  const run = () => {
    end()
    output.started()
    placement.clear()
    const startedAt = performance.now()
    let hasFailed = false
    const over = () => {
      stop.disabled = true
    }
    end = runProgram(runtime, source.value, {
      print: output.print,
      clear: output.clear,
      placed: placement.show,
      failed: (failure) => {
        over()
        // What fails first is the reason for what fails after it.
        if (!hasFailed) output.failed(failure)
        hasFailed = true
      },
      ended: () => {
        over()
        if (!hasFailed) output.ended(performance.now() - startedAt)
      },
    })
    stop.disabled = false
  }
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    run()
  })
  source.addEventListener('keydown', (event) => {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) form.requestSubmit()
  })
  stop.addEventListener('click', () => {
    end()
    stop.disabled = true
    output.stopped()
  })
  wirePrograms(find('#programs', HTMLElement), (text) => {
    source.value = text
  })
  // A visitor may have begun to write before this code was here.
  if (source.value === '') source.value = programs[0].source
  find('[type="submit"]', HTMLButtonElement, form).disabled = false
}

function wirePrograms(list: HTMLElement, onPick: (source: string) => void): void {
  for (const { name, source } of programs) {
    const button = find(`[data-testid="program-${name}"]`, HTMLButtonElement, list)
    button.addEventListener('click', () => onPick(source))
    button.disabled = false
  }
}
