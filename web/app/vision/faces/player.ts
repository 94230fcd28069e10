import type { ErrorCode, SpillwayError, Tier } from '../../../../models/core/index.ts'
import type { Model } from '../../../api/model.ts'
import { contextOf } from '../../../drawing/ink.ts'
import { type Face, facesIn } from './boxes.ts'
import { type DetectorSpec, toPlanes } from './detector.ts'
import { FrameStream } from './frame-stream.ts'
import { Pace } from './pace.ts'
import type { FrameSource } from './source.ts'
import { takeTurns } from './take-turns.ts'
import type { Tiles } from './tiles.ts'

/** How sure the detector has to be. */
const leastScore = 0.7

/** A place that has too much to do drops frames: no failure, as long as others are answered. */
const refusals: readonly ErrorCode[] = ['overloaded', 'rate_limited', 'deadline_exceeded']

/** Milliseconds without any answer after which a refusal is shown. */
const patienceMs = 3_000

/** What all streams together have done. */
export interface Totals {
  /** Frames a second. */
  readonly rate: number
  readonly faces: number
  readonly dropped: number
  readonly answered: Readonly<Record<Tier, number>>
}

export interface PlayerOptions {
  readonly tiles: Tiles
  readonly model: () => Promise<Model>
  readonly failed: (error: SpillwayError) => void
  /** A frame has its answer. */
  readonly answered: () => void
  /** Whether pictures stand still, and figures alone change. */
  readonly isStill: () => boolean
}

interface Stream {
  readonly frames: FrameStream
  readonly pace: Pace
  faces: readonly Face[] | undefined
  place: Tier | undefined
}

/** Plays one source in all tiles: each is a stream of its own, and asks the detector by calls of its own. */
export class FacePlayer {
  readonly #options: PlayerOptions
  readonly #source: FrameSource
  readonly #spec: DetectorSpec
  readonly #closing = new AbortController()
  /** As the detector reads a frame; it is read at once, so that one is enough for all streams. */
  readonly #small = contextOf(document.createElement('canvas'), { willReadFrequently: true })
  readonly #pace = new Pace()
  readonly #streams: Stream[] = []
  /** Of streams that have ended. */
  #droppedBefore = 0
  readonly #answeredBefore: Record<Tier, number> = { device: 0, server: 0 }
  #answeredAt = performance.now()

  constructor(source: FrameSource, spec: DetectorSpec, options: PlayerOptions) {
    this.#options = options
    this.#source = source
    this.#spec = spec
    Object.assign(this.#small.canvas, { width: spec.width, height: spec.height })
    this.fit()
    takeTurns(() => this.#streams.map(({ frames }) => frames), this.#closing.signal)
  }

  /** Has as many streams as there are tiles. */
  fit(): void {
    const { tiles } = this.#options
    for (const { frames } of this.#streams.splice(tiles.all.length)) {
      frames.close()
      this.#droppedBefore += frames.dropped
      for (const tier of ['device', 'server'] as const) this.#answeredBefore[tier] += frames.answered[tier]
    }
    while (this.#streams.length < tiles.all.length) this.#streams.push(this.#begin(this.#streams.length))
  }

  /** Looks at the newest frames once more: they may be answered elsewhere. */
  again(): void {
    for (const { frames } of this.#streams) frames.again()
  }

  close(): void {
    this.#closing.abort()
    for (const { frames } of this.#streams) frames.close()
    this.#source.close()
  }

  /** Shows each tile's figures. @returns Those of all together. */
  measure(): Totals {
    const now = performance.now()
    let dropped = this.#droppedBefore
    const answered = { ...this.#answeredBefore }
    let faces = 0
    for (const [index, stream] of this.#streams.entries()) {
      const { frames } = stream
      const count = frames.answered.device + frames.answered.server
      answered.device += frames.answered.device
      answered.server += frames.answered.server
      dropped += frames.dropped
      faces += stream.faces?.length ?? 0
      this.#options.tiles.all[index]?.show({
        faces: stream.faces,
        place: stream.place,
        rate: stream.pace.note(now, count),
        dropped: frames.dropped,
      })
    }
    return { rate: this.#pace.note(now, answered.device + answered.server), faces, dropped, answered }
  }

  #begin(index: number): Stream {
    const { model, failed, answered, isStill } = this.#options
    const tile = () => this.#options.tiles.all[index]
    let isPainted = false
    const frames = new FrameStream({
      newest: () => this.#source.newest(),
      capture: () => this.#read(tile()?.capture((context) => this.#source.draw(context, index))),
      detect: async (planes, signal) => {
        const { input } = this.#spec
        const { outputs, placement } = await (await model()).run({ [input]: planes }, { signal })
        return { faces: facesIn(outputs, leastScore), tier: placement.tier }
      },
      found: ({ faces, tier }) => {
        Object.assign(stream, { faces, place: tier })
        if (!isPainted || !isStill()) tile()?.paint(faces, tier)
        isPainted = true
        this.#answeredAt = performance.now()
        answered()
      },
      failed: (error) => {
        const isRefused = refusals.includes(error.code) && performance.now() < this.#answeredAt + patienceMs
        if (!isRefused) failed(error)
      },
      now: () => performance.now(),
    })
    const stream: Stream = { frames, pace: new Pace(), faces: undefined, place: undefined }
    return stream
  }

  #read(frame: HTMLCanvasElement | undefined): Float32Array {
    const { width, height } = this.#spec
    if (frame) this.#small.drawImage(frame, 0, 0, width, height)
    return toPlanes(this.#small.getImageData(0, 0, width, height).data)
  }
}
