import { SpillwayError } from '../../../models/core/index.ts'
import type { Runtime } from '../../api/create-runtime.ts'
import { find } from '../../view/find.ts'
import { createProgressView } from '../../view/progress-view.ts'
import { showSpillway } from '../../view/spillway/view.ts'
import { countText } from '../../view/words.ts'
import { createErrorView } from '../error-view.ts'
import { onPress } from '../on-press.ts'
import { Opener } from '../opener.ts'
import { showFigures } from './figures.ts'
import { createHeldView, shownHeld } from './held-view.ts'
import { showScoreForm } from './score-form.ts'
import { type HeldPayment, PaymentStream } from './stream.ts'

const modelId = 'transactions'

/** Milliseconds between the payments that are sent together. */
const tickMs = 16

/** Milliseconds between two writings of the figures: more often than this nobody can read them. */
const writeMs = 250

/** Wires the parts of the payments page together. */
export function showPage(runtime: Runtime): void {
  const error = createErrorView(find('#error', HTMLElement), () => {
    error.clear()
    opener.reopen()
    form.score()
  })
  const fail = (cause: unknown) => error.show(SpillwayError.from(cause, 'internal', 'The page failed'))
  const opener = new Opener(runtime, modelId, createProgressView(find('#progress', HTMLElement)), fail)
  const run = async (features: Float32Array) => (await opener.model()).run({ features })

  const held: HeldPayment[] = []
  const showHeld = createHeldView(find('#held', HTMLTableSectionElement))
  const stream = new PaymentStream({
    run,
    onHeld: (payment) => {
      held.unshift(payment)
      held.length = Math.min(held.length, shownHeld)
    },
    onLost: fail,
    now: () => performance.now(),
    random: Math.random,
  })
  showSpillway(find('#spillway', HTMLElement), runtime, () => stream.open)
  const writeFigures = showFigures(find('#figures', HTMLElement), runtime, modelId, stream)
  const form = showScoreForm(find('#try', HTMLFormElement), run, fail)

  const isPaused = showControls(stream, runtime)
  // A hidden page scores nothing: nobody would see it.
  const isRunning = () => !isPaused() && !document.hidden && error.isClear
  window.setInterval(() => {
    if (isRunning()) stream.tick()
  }, tickMs)
  window.setInterval(() => {
    writeFigures()
    showHeld(held)
  }, writeMs)
  opener.reopen()
  form.score()
}

/** @returns Whether the visitor has paused the stream. */
function showControls(stream: PaymentStream, runtime: Runtime): () => boolean {
  const rate = find('#rate', HTMLInputElement)
  const rateText = find('#rate-text', HTMLOutputElement)
  const setRate = () => {
    // From ten to thousands, each tenfold as far as the one before.
    stream.rate = Math.round(10 ** rate.valueAsNumber)
    rateText.textContent = countText(stream.rate)
    rate.setAttribute('aria-valuetext', `${rateText.textContent} a second`)
  }
  rate.addEventListener('input', setRate)
  setRate()

  let isPaused = false
  onPress(find('#pause', HTMLButtonElement), 'Go on', (isPressed) => {
    isPaused = isPressed
  })
  onPress(find('#plug', HTMLButtonElement), 'Plug the server in', (isPressed) => {
    runtime.policy = isPressed ? 'device' : 'auto'
  })
  return () => isPaused
}
