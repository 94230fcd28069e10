import type { Runtime } from '../../api/create-runtime.ts'
import { Drawing } from '../../drawing/drawing.ts'
import { showDrawing } from '../../drawing/pad.ts'
import { drawByKeyboard } from '../../drawing/pen-keyboard.ts'
import { drawByPointer } from '../../drawing/pen-pointer.ts'
import { toModelImage } from '../../drawing/preprocess.ts'
import { createRaster } from '../../drawing/raster.ts'
import { createAnnouncer } from '../../view/announce.ts'
import { find } from '../../view/find.ts'
import { oncePerFrame } from '../../view/once-per-frame.ts'
import { createProgressView } from '../../view/progress-view.ts'
import { milliseconds, tierWords } from '../../view/words.ts'
import { createBars } from '../bars.ts'
import { createErrorView } from '../error-view.ts'
import { createFiguresView, type Figure } from '../figures-view.ts'
import { createPlacementView } from '../placement-view.ts'
import { showPolicies } from '../policy-switch.ts'
import { createPreview } from '../preview.ts'
import { Recogniser } from '../recogniser.ts'
import { createResultView } from '../result-view.ts'
import { showSamples } from '../sample-buttons.ts'
import { samples } from '../samples.ts'
import { showPrivacy } from './show-privacy.ts'
import { numbersOf } from './wall-reader.ts'

/** Wires the parts of the vision page together. */
export function showPage(runtime: Runtime): void {
  const drawing = new Drawing()
  const readInk = createRaster(drawing)
  const announcer = createAnnouncer(find('#announcements', HTMLElement))

  const answer = find('#answer', HTMLElement)
  const bars = createBars(find('#bars', HTMLElement))
  const result = createResultView(answer, bars, announcer)
  const placement = createPlacementView(find('#placement', HTMLElement))
  const timings = createFiguresView(find('[data-testid="timings"]', HTMLElement), [
    'total',
    'compute',
    'queue',
  ])
  const progress = createProgressView(find('#progress', HTMLElement))
  const error = createErrorView(find('#error', HTMLElement), () => recogniser.retry())
  const preview = createPreview(find('#preview', HTMLCanvasElement))
  bars.setLabels(['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'])

  const recorded = new AbortController()
  const clearAnswer = () => {
    result.clear()
    placement.clear()
    timings.clear()
    announcer.settled('')
  }

  const recogniser = new Recogniser(runtime, {
    opening: progress.starting,
    opened: ({ manifest }) => {
      error.clear()
      find('#model-title', HTMLElement).textContent = manifest.title
      if (manifest.labels) bars.setLabels(manifest.labels)
    },
    progress: progress.loading,
    loaded: progress.ready,
    notLoaded: progress.failed,
    unavailable: progress.unavailable,
    running: (isRunning) => answer.toggleAttribute('data-busy', isRunning),
    result: ({ manifest }, { outputs, placement: where, timings: { totalMs, computeMs, queueMs } }) => {
      error.clear()
      result.show(manifest.labels ?? [], numbersOf(outputs.logits), tierWords[where.tier])
      placement.show(where)
      timings.show({ total: inMs(totalMs), compute: inMs(computeMs), queue: inMs(queueMs) })
    },
    failure: (cause) => {
      recorded.abort()
      clearAnswer()
      error.show(cause)
    },
  })

  const recognise = oncePerFrame(() => {
    if (!recorded.signal.aborted) {
      recorded.abort()
      clearAnswer()
    }
    const image = toModelImage(readInk())
    preview(image)
    if (!image) clearAnswer()
    recogniser.show(image)
  })
  drawing.onChange(recognise)

  const pad = find('#pad', HTMLElement)
  showDrawing(pad, find('canvas', HTMLCanvasElement, pad), drawing)
  drawByKeyboard(pad, drawing, { cursor: find('#cursor', HTMLElement), announce: announcer.now })
  drawByPointer(pad, drawing)
  showSamples(find('#samples', HTMLElement), samples, (strokes) => drawing.replace(strokes))
  find('#clear', HTMLButtonElement).addEventListener('click', () => drawing.clear())
  const updatePrivacy = showPrivacy(find('#privacy', HTMLElement), runtime, 'digits', 'drawing')
  showPolicies(find('#policies', HTMLElement), runtime.policy, 'drawing', (policy) => {
    recogniser.setPolicy(policy)
    updatePrivacy()
    faces.then((policyChanged) => policyChanged())
  })
  // Their code is not among what a page starts with.
  const faces = import('./faces/show-faces.ts').then(({ showFaces }) =>
    showFaces(find('#faces', HTMLElement), runtime, announcer),
  )
  void import('./recorded-answer.ts').then(({ playAnswer }) => {
    const where = find('#placement [data-part="where"]', HTMLElement)
    if (!recorded.signal.aborted) playAnswer({ bars, preview, where }, recorded.signal)
  })
  void import('./show-wall.ts').then(({ showWall }) =>
    showWall(find('#wall', HTMLElement), runtime, {
      announcer,
      failed: error.show,
      read: error.clear,
    }),
  )
  void import('../../view/spillway/view.ts').then(({ showSpillway }) =>
    showSpillway(find('#spillway', HTMLElement), runtime),
  )
  void Promise.all([runtime.capacity(), import('../capacity-view.ts')]).then(([capacity, { showCapacity }]) =>
    showCapacity(find('#capacity', HTMLElement), capacity),
  )
}

const inMs = (ms: number): Figure => [ms, milliseconds(ms)]
