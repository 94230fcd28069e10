import { SpillwayError } from '../../../../models/core/index.ts'
import type { Runtime } from '../../../api/create-runtime.ts'
import { openCamera } from '../../../media/camera.ts'
import { readPicture } from '../../../media/picture-file.ts'
import { openVideoFile } from '../../../media/video-file.ts'
import type { Announcer } from '../../../view/announce.ts'
import { faultWords } from '../../../view/error-words.ts'
import { find } from '../../../view/find.ts'
import { createProgressView } from '../../../view/progress-view.ts'
import { countText, percent } from '../../../view/words.ts'
import { showCounts } from '../../counts.ts'
import { createErrorView } from '../../error-view.ts'
import { createFiguresView } from '../../figures-view.ts'
import { Opener } from '../../opener.ts'
import { showPrivacy } from '../show-privacy.ts'
import { drawClip } from './clip.ts'
import { detectorId, detectorSpec } from './detector.ts'
import { FacePlayer } from './player.ts'
import { recordedFaces } from './recorded.ts'
import { createClip, createPicture, createVideo, type FrameSource } from './source.ts'
import { Tiles } from './tiles.ts'

/** Milliseconds between two writings of the figures: more often than this nobody can read them. */
const writeMs = 500

/** Opens a source of frames, until the controller ends it. */
type OpenSource = (playing: AbortController) => Promise<FrameSource>

/**
 * Shows the panel of faces: up to sixteen streams of a drawn clip, of the camera or of a file, with a box around each face.
 * Nothing is loaded before the visitor asks for it.
 *
 * @returns What to call after the page's policy has changed.
 */
export function showFaces(panel: HTMLElement, runtime: Runtime, announcer: Announcer): () => void {
  const part = <E extends Element>(name: string, type: new () => E) =>
    find(`[data-testid="faces-${name}"]`, type, panel)
  let retry = () => {}
  const error = createErrorView(
    part('error', HTMLElement),
    () => {
      error.clear()
      retry()
    },
    faultWords,
  )
  const fail = (cause: unknown) => error.show(SpillwayError.from(cause, 'internal', 'The page failed'))
  const opener = new Opener(runtime, detectorId, createProgressView(part('progress', HTMLElement)), fail)
  const figures = createFiguresView(part('figures', HTMLElement), ['rate', 'faces', 'stayed', 'dropped'])
  const updatePrivacy = showPrivacy(part('privacy', HTMLElement), runtime, detectorId, 'frame')
  const motion = matchMedia('(prefers-reduced-motion: reduce)')
  const video = find('video', HTMLVideoElement, panel)

  let playing: AbortController | undefined
  let player: FacePlayer | undefined
  let isRecorded = false
  /** The clip's first frame, where nothing plays. */
  const showIdle = (stream: number) => {
    if (player) return
    const tile = tiles.all[stream]
    const faces = isRecorded && stream === 0 ? recordedFaces : undefined
    tile?.capture((context) => drawClip(context, stream, 0))
    tile?.paint(faces ?? [])
    tile?.show({ faces })
  }
  const tiles = new Tiles(part('tiles', HTMLElement), showIdle)

  const stopButton = part('stop', HTMLButtonElement)
  const stop = () => {
    playing?.abort()
    playing = undefined
    player?.close()
    player = undefined
    stopButton.disabled = true
    // No picture of a camera stays.
    for (const stream of tiles.all.keys()) showIdle(stream)
  }
  const play = async (open: OpenSource) => {
    retry = () => void play(open)
    stop()
    error.clear()
    const begun = new AbortController()
    playing = begun
    stopButton.disabled = false
    const opening = open(begun)
    try {
      const [source, model] = await Promise.all([opening, opener.model()])
      const spec = detectorSpec(model.manifest)
      if (!spec)
        throw new SpillwayError(
          'not_supported',
          `The model "${detectorId}" is no detector that this page reads`,
          {
            expected: 'one input [1, 3, height, width] of float32, and the outputs "scores" and "boxes"',
          },
        )
      if (begun.signal.aborted) return
      player = new FacePlayer(source, spec, {
        tiles,
        model: () => opener.model(),
        failed: fail,
        answered: () => {
          if (!error.isClear) error.clear()
        },
        isStill: () => motion.matches,
      })
      announcer.settled('The streams play')
    } catch (cause) {
      if (begun.signal.aborted) return
      stop()
      fail(cause)
    } finally {
      // What was opened for nothing ends again.
      if (begun.signal.aborted) void opening.then((source) => source.close()).catch(() => {})
    }
  }

  const playOn = (testId: string, open: OpenSource) => {
    const button = part(testId, HTMLButtonElement)
    button.addEventListener('click', () => void play(open))
    return button
  }
  const openFile =
    (file: File): OpenSource =>
    async (begun) => {
      if (!file.type.startsWith('video/')) return createPicture(await readPicture(file))
      await openVideoFile(video, file, begun.signal)
      return createVideo(video, begun)
    }
  const choose = part('choose', HTMLButtonElement)
  const input = find('input[type="file"]', HTMLInputElement, panel)
  choose.addEventListener('click', () => input.click())
  input.addEventListener('change', () => {
    const [file] = input.files ?? []
    // The same file may be chosen again.
    input.value = ''
    if (file) void play(openFile(file))
  })
  const buttons = [
    playOn('play', async () => createClip(() => performance.now())),
    playOn('camera', async (begun) => {
      const onLost = (cause: SpillwayError) => {
        stop()
        fail(cause)
      }
      await openCamera(video, { facing: 'user', signal: begun.signal, onLost })
      return createVideo(video, begun)
    }),
    choose,
  ]
  stopButton.addEventListener('click', () => {
    stop()
    announcer.now('Stopped')
  })
  showCounts(find('.counts', HTMLElement, panel), {
    name: 'streams',
    choices: [1, 4, 9, 16],
    chosen: 1,
    onChoose: (count) => {
      tiles.setCount(count)
      player?.fit()
    },
  })
  const setAvailable = (isAvailable: boolean) => {
    for (const button of buttons) button.disabled = !isAvailable
    part('missing', HTMLElement).hidden = isAvailable
    if (!isAvailable)
      find('[data-part=text]', HTMLElement, part('progress', HTMLElement)).textContent = 'Not on this server'
    isRecorded = !isAvailable
    showIdle(0)
  }

  window.setInterval(() => {
    if (!player || document.hidden) return
    const { rate, faces, dropped, answered } = player.measure()
    const all = answered.device + answered.server
    figures.show({
      rate: [rate, rate < 10 ? rate.toFixed(1) : countText(Math.round(rate))],
      faces: [faces, countText(faces)],
      ...(all > 0 && { stayed: [answered.device / all, percent(answered.device / all)] }),
      dropped: [dropped, countText(dropped)],
    })
  }, writeMs)
  // A server that does not answer may have it, and so may this browser's storage.
  void runtime
    .catalogue()
    .then(({ models }) => models.some(({ id }) => id === detectorId))
    .catch(() => true)
    .then(setAvailable)
  return () => {
    updatePrivacy()
    if (!player) return
    error.clear()
    opener.reopen()
    player.again()
  }
}
