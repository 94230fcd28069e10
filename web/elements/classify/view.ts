import { html, nothing, render } from 'lit/html.js'
import type { SpillwayError } from '../../../models/core/error.ts'
import { Drawing } from '../../drawing/drawing.ts'
import { showDrawing } from '../../drawing/pad.ts'
import { drawByKeyboard } from '../../drawing/pen-keyboard.ts'
import { drawByPointer } from '../../drawing/pen-pointer.ts'
import { createRaster } from '../../drawing/raster.ts'
import { onEachFrame, openCamera } from '../../media/camera.ts'
import { readPicture } from '../../media/picture-file.ts'
import { type Announcer, createAnnouncer } from '../../view/announce.ts'
import { find } from '../../view/find.ts'
import { LatestTask } from '../../view/latest-task.ts'
import { milliseconds, percent, tierWords } from '../../view/words.ts'
import { ElementModel } from '../shared/element-model.ts'
import { faultOf, faultView } from '../shared/fault.ts'
import { baseSheet } from '../shared/sheet.ts'
import { takeDropped, takePasted } from '../shared/take-files.ts'
import { classificationOf } from './classification.ts'
import type { Classification, ClassifyHost, ClassifyView } from './element.ts'
import { type Source, toInputs } from './picture-input.ts'
import { offers, settingsOf, topOf } from './settings.ts'
import { classifySheet } from './sheet.ts'

export const createView = (host: ClassifyHost): ClassifyView => new PictureView(host)

class PictureView implements ClassifyView {
  readonly #host: ClassifyHost
  readonly #closing = new AbortController()
  readonly #drawing = new Drawing()
  readonly #readInk = createRaster(this.#drawing)
  readonly #latest = new LatestTask((signal) => this.#attempt(signal))
  readonly #model: ElementModel
  readonly #announce: Announcer
  readonly #pad: HTMLElement
  readonly #video: HTMLVideoElement
  #picture: ImageBitmap | undefined
  #camera: AbortController | undefined
  #error: SpillwayError | undefined
  #result: Classification | null = null
  #loading = ''

  constructor(host: ClassifyHost) {
    this.#host = host
    const { root } = host
    root.adoptedStyleSheets = [baseSheet, classifySheet]
    this.#model = new ElementModel(host.getRuntime, (loading) => {
      this.#loading = loading
      this.#render()
    })
    this.#render()
    this.#pad = find('.pad', HTMLElement, root)
    this.#video = find('video', HTMLVideoElement, root)
    this.#announce = createAnnouncer(find('[role="status"]', HTMLElement, root))
    showDrawing(this.#pad, find('canvas', HTMLCanvasElement, root), this.#drawing, this.#closing.signal)
    // Before those of the pen, which it keeps from drawing.
    for (const type of ['pointerdown', 'keydown'])
      this.#pad.addEventListener(type, (event) => {
        if (!this.#offers('draw')) event.stopImmediatePropagation()
      })
    drawByKeyboard(this.#pad, this.#drawing, {
      cursor: find('.cursor', HTMLElement, root),
      announce: this.#announce.now,
    })
    drawByPointer(this.#pad, this.#drawing)
    this.#drawing.onChange(({ ink }) => {
      if (ink !== null) this.#leavePicture()
      this.#latest.request()
    })
    const files = {
      signal: this.#closing.signal,
      allows: () => !host.element.disabled && this.#offers('picture'),
      take: (file: File) => void this.#show(file),
    }
    takeDropped(this.#pad, files)
    takePasted(root, files)
    // The model is loaded before the first stroke.
    this.#latest.request()
  }

  update(): void {
    this.#error = undefined
    try {
      const { model, policy } = settingsOf(this.#host.element)
      this.#model.keep(model, policy)
    } catch {
      // The next attempt says what is wrong.
    }
    this.#render()
    this.#latest.restart()
  }

  close(): void {
    this.#leavePicture()
    this.#model.close()
    this.#closing.abort()
    this.#latest.restart()
    // Connected again, the element begins anew.
    render(nothing, this.#host.root)
  }

  clear(): void {
    this.#leavePicture()
    this.#error = undefined
    this.#drawing.clear()
  }

  classify(picture: Blob): void {
    void this.#show(picture)
  }

  async #show(file: Blob): Promise<void> {
    try {
      const picture = await readPicture(file)
      if (this.#closing.signal.aborted) {
        picture.close()
        return
      }
      this.clear()
      this.#picture = picture
      const canvas = find('.picture', HTMLCanvasElement, this.#host.root)
      Object.assign(canvas, { width: picture.width, height: picture.height })
      canvas.getContext('2d')?.drawImage(picture, 0, 0)
      this.#pad.removeAttribute('data-empty')
      this.#latest.request()
    } catch (cause) {
      this.#fail(cause)
    }
  }

  async #startCamera(): Promise<void> {
    this.clear()
    const camera = new AbortController()
    this.#camera = camera
    this.#render()
    const lose = (cause: unknown) => {
      if (camera.signal.aborted) return
      this.clear()
      this.#fail(cause)
    }
    try {
      await openCamera(this.#video, { facing: 'environment', signal: camera.signal, onLost: lose })
      if (camera.signal.aborted) return
      this.#pad.removeAttribute('data-empty')
      onEachFrame(this.#video, camera.signal, () => this.#latest.request())
    } catch (cause) {
      lose(cause)
    }
  }

  /** Ends the camera, and lets the picture go. */
  #leavePicture(): void {
    this.#camera?.abort()
    this.#camera = undefined
    this.#picture?.close()
    this.#picture = undefined
    this.#pad.toggleAttribute('data-empty', this.#drawing.isEmpty)
    this.#render()
  }

  /** Classifies what is there now. Never rejects. */
  async #attempt(signal: AbortSignal): Promise<void> {
    if (this.#closing.signal.aborted) return
    try {
      const { model: id, policy, normalization } = settingsOf(this.#host.element)
      const model = await this.#model.open(id, policy)
      if (signal.aborted) return
      const source = this.#source()
      const inputs = source && toInputs(model.manifest, source, normalization)
      if (!inputs) {
        this.#answer(null)
        return
      }
      const result = await model.run(inputs, { signal, ...(policy && { policy }) })
      // It may have been cleared in the meantime.
      if (!signal.aborted && this.#source()) this.#answer(classificationOf(model.manifest, result))
    } catch (cause) {
      if (signal.aborted || this.#closing.signal.aborted) return
      // Its next frames would fail as this one did.
      if (this.#camera) this.clear()
      this.#fail(cause)
    }
  }

  #source(): Source | undefined {
    if (this.#camera) {
      const { videoWidth: width, videoHeight: height } = this.#video
      return width > 0 ? { picture: this.#video, width, height } : undefined
    }
    const picture = this.#picture
    if (picture) return { picture, width: picture.width, height: picture.height }
    return this.#drawing.isEmpty ? undefined : { ink: this.#readInk() }
  }

  #answer(result: Classification | null): void {
    if (result) this.#error = undefined
    const isNew = result !== null || this.#result !== null
    this.#result = result
    this.#render()
    if (!isNew) return
    this.#announce.settled(
      result ? `${result.label}, ${percent(result.probability)}. ${tierWords[result.placement.tier]}.` : '',
    )
    this.#host.answered(result)
  }

  #fail(cause: unknown): void {
    const error = faultOf(cause)
    this.#answer(null)
    this.#error = error
    this.#render()
    this.#host.report(error)
  }

  #retry(): void {
    this.#error = undefined
    this.#render()
    this.#latest.restart()
  }

  #offers(source: Parameters<typeof offers>[1]): boolean {
    return offers(this.#host.element, source)
  }

  #render(): void {
    const { element, root } = this.#host
    if (this.#closing.signal.aborted) return
    render(this.#template(element), root)
  }

  #template(element: ClassifyHost['element']) {
    const label = element.getAttribute('label') ?? 'Drawing pad'
    const canDraw = this.#offers('draw')
    return html`<div class="frame" part="frame" ?inert=${element.disabled}>
      <div class="columns">
        <div class="input">
          <div class="pad" part="pad" data-empty ?data-draws=${canDraw} role="application" aria-label=${label} aria-describedby="help">
            <canvas part="canvas"></canvas>
            <canvas class="picture" part="picture" ?hidden=${!this.#picture}></canvas>
            <video part="video" muted playsinline ?hidden=${!this.#camera}></video>
            <p class="hint" aria-hidden="true"><slot name="hint">${hintOf(canDraw, this.#offers('picture'))}</slot></p>
            <span class="cursor" aria-hidden="true"></span>
          </div>
          <p id="help" class="unseen">Arrow keys move the pen, Space draws, C clears.</p>
          <div class="tools" part="tools">${this.#buttons()}</div>
        </div>
        <div class="answer" part="answer">
          <slot name="before-answer"></slot>
          ${faultView(this.#error, () => this.#retry())}
          <p class="loading" part="loading">${this.#loading}</p>
          ${this.#answerView()}
          <p class="unseen" role="status"></p>
        </div>
      </div>
    </div>`
  }

  #buttons() {
    const input = () => find('input', HTMLInputElement, this.#host.root)
    const picture = html`<button type="button" part="button" @click=${() => input().click()}>Choose a picture</button>
      <input type="file" accept="image/*" hidden @change=${() => {
        const [file] = input().files ?? []
        if (file) void this.#show(file)
        // The same file may be chosen again.
        input().value = ''
      }}>`
    const camera = html`<button type="button" part="button" aria-pressed=${this.#camera ? 'true' : 'false'}
      @click=${() => (this.#camera ? this.clear() : void this.#startCamera())}>Camera</button>`
    return html`<button type="button" part="button" @click=${() => this.clear()}>Clear</button>
      ${this.#offers('picture') ? picture : nothing} ${this.#offers('camera') ? camera : nothing}`
  }

  #answerView() {
    const { element } = this.#host
    const top = topOf(element)
    const result = this.#result
    const tier = result?.placement.tier
    const rows = (result?.labels ?? []).slice(0, top)
    return html`<ul class="labels" part="labels" aria-label="Likeliest first" data-tier=${tier ?? nothing} .style=${`--rows: ${top}`}>
        ${rows.map(
          ({ label, probability }) => html`<li class="row" part="row">
            <span part="label">${label}</span>
            <span class="track" part="bar" aria-hidden="true"><span class="fill" part="fill" .style=${`--share: ${probability}`}></span></span>
            <span class="share" part="share">${percent(probability)}</span>
          </li>`,
        )}
      </ul>
      <p class="place" part="place" data-tier=${tier ?? nothing}>${
        result
          ? html`<span class="mark" aria-hidden="true"></span>${tierWords[result.placement.tier]}, ${milliseconds(result.timings.totalMs)}`
          : nothing
      }</p>`
  }
}

const hintOf = (canDraw: boolean, takesPictures: boolean): string => {
  if (canDraw) return takesPictures ? 'Draw, or drop a picture' : 'Draw'
  return takesPictures ? 'Drop a picture' : 'Start the camera'
}
