import type { Tier } from '../../../models/core/index.ts'
import type { Runtime } from '../../api/create-runtime.ts'
import type { StatsEvent } from '../../api/stats.ts'
import { contextOf } from '../../drawing/ink.ts'
import { find } from '../find.ts'
import { countText, milliseconds, percent } from '../words.ts'
import { type Colours, drawScene } from './draw.ts'
import { type Flow, FlowMeter } from './flow.ts'

/** Milliseconds after the last event until the rates are those of a runtime at rest. */
const restMs = 1_100

/**
 * Shows what a runtime has waiting, and where its answers come from: by numbers, and by a picture that moves with them.
 *
 * @param countOpen Counts the page's requests without an answer, where it knows them; else those that wait are shown.
 * @param signal Ends it: nothing of the page or the runtime holds the panel any more.
 */
export function showSpillway(
  panel: HTMLElement,
  runtime: Runtime,
  countOpen?: () => number,
  signal = new AbortController().signal,
): void {
  const meter = new FlowMeter()
  const picture = createPicture(find('canvas', HTMLCanvasElement, panel), signal)
  const numbers = createNumbers(panel)
  let rest: number | undefined

  const update = (stats = runtime.stats()) => {
    const read = meter.read(stats, runtime.policy, performance.now())
    const flow = countOpen ? { ...read, waiting: countOpen() } : read
    numbers(flow)
    picture(flow)
  }
  const listener = ({ stats }: StatsEvent) => {
    update(stats)
    window.clearTimeout(rest)
    rest = window.setTimeout(update, restMs)
  }
  runtime.addEventListener('stats', listener, { signal })
  signal.addEventListener('abort', () => window.clearTimeout(rest))
  update()
}

/** Writes the numbers that the panel has a part for. */
function createNumbers(panel: HTMLElement): (flow: Flow) => void {
  const parts = new Map<string, HTMLElement>()
  for (const element of panel.querySelectorAll<HTMLElement>('[data-part]'))
    parts.set(element.dataset.part ?? '', element)
  const write = (part: string, text: string) => {
    const element = parts.get(part)
    if (element && element.textContent !== text) element.textContent = text
  }
  return ({ waiting, deviceMs, crestMs, answered, perSecond }) => {
    panel.dataset.waiting = String(waiting)
    write('waiting', countText(waiting))
    write('wait', deviceMs > 0 ? milliseconds(deviceMs) : '–')
    write(
      'crest',
      crestMs === undefined ? 'nothing may go to the server' : `to the server above ${milliseconds(crestMs)}`,
    )
    const all = perSecond.device + perSecond.server
    for (const tier of ['device', 'server'] satisfies Tier[]) {
      panel.dataset[tier] = String(answered[tier])
      write(tier, countText(answered[tier]))
      write(`${tier}-share`, all > 0 ? percent(perSecond[tier] / all) : '–')
      write(`${tier}-rate`, `${countText(Math.round(perSecond[tier]))} a second`)
    }
  }
}

/** Milliseconds in which the water comes half of the way to its new level. */
const halfwayMs = 140

/** Draws the flow, and moves while there is one. Where motion is reduced it is drawn anew with each number, and stands still. */
function createPicture(canvas: HTMLCanvasElement, signal: AbortSignal): (flow: Flow) => void {
  const context = contextOf(canvas)
  const still = matchMedia('(prefers-reduced-motion: reduce)')
  let colours = coloursOf(canvas)
  let wanted = { level: 0, device: 0, server: 0, hasCrest: true }
  let shown = wanted
  let time = 0
  let drawnAt: number | undefined

  const draw = () => {
    const scale = Math.min(2, devicePixelRatio)
    const { clientWidth, clientHeight } = canvas
    const [width, height] = [Math.round(clientWidth * scale), Math.round(clientHeight * scale)]
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height })
    context.setTransform(scale, 0, 0, scale, 0, 0)
    drawScene(context, clientWidth, clientHeight, { ...shown, time }, colours)
  }
  const step = (now: number) => {
    const passed = drawnAt === undefined ? 0 : Math.min(100, now - drawnAt)
    const share = 1 - 0.5 ** (passed / halfwayMs)
    const approach = (from: number, to: number) =>
      Math.abs(to - from) < 0.004 ? to : from + (to - from) * share
    time += passed
    shown = {
      level: approach(shown.level, wanted.level),
      device: approach(shown.device, wanted.device),
      server: approach(shown.server, wanted.server),
      hasCrest: wanted.hasCrest,
    }
    draw()
    const isMoving = shown.device + shown.server > 0 || shown.level !== wanted.level
    drawnAt = isMoving ? now : undefined
    if (isMoving && !still.matches && !signal.aborted) requestAnimationFrame(step)
  }
  const start = () => {
    if (still.matches) {
      shown = wanted
      draw()
    } else if (drawnAt === undefined) {
      drawnAt = performance.now()
      requestAnimationFrame(step)
    }
  }
  const restart = () => {
    colours = coloursOf(canvas)
    drawnAt = undefined
    draw()
    start()
  }
  for (const query of ['(prefers-color-scheme: dark)', '(forced-colors: active)', still.media])
    matchMedia(query).addEventListener('change', restart, { signal })
  const sizes = new ResizeObserver(draw)
  sizes.observe(canvas)
  signal.addEventListener('abort', () => sizes.disconnect())

  return ({ level, perSecond, crestMs }) => {
    const all = perSecond.device + perSecond.server
    wanted = {
      level: Math.min(1.2, level),
      device: all > 0 ? perSecond.device / all : 0,
      server: all > 0 ? perSecond.server / all : 0,
      hasCrest: crestMs !== undefined,
    }
    start()
  }
}

function coloursOf(canvas: HTMLCanvasElement): Colours {
  const style = getComputedStyle(canvas)
  // As a colour: the token may be a function of the page's colour scheme, which a canvas does not know.
  const token = (name: string) => {
    canvas.style.color = `var(${name})`
    return style.color
  }
  const colours = {
    device: token('--device'),
    server: token('--server'),
    edge: token('--edge'),
  }
  canvas.style.removeProperty('color')
  return colours
}
