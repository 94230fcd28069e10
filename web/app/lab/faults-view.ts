import type { RuntimeWithFaults } from '../../api/runtime-with-faults.ts'
import { find } from '../../view/find.ts'
import { countOf, countText, milliseconds, percent } from '../../view/words.ts'
import { onPress } from '../on-press.ts'
import { keepBusy } from './busy-page.ts'
import type { LoadGenerator } from './load-generator.ts'

/** Milliseconds for which each request to the server waits on the slow link. */
const slowLinkMs = 400

/** Milliseconds between two looks at whether a lane is back, and after which nobody waits for it. */
const lookMs = 20
const longestReturnMs = 10_000

export interface FaultsView {
  /** Writes what was seen since each fault that goes on. */
  write(): void
  /** What was seen of the faults so far, for a report. */
  readonly seen: readonly string[]
}

/** Shows the faults as buttons, and what was seen of each. */
export function showFaults(
  place: HTMLElement,
  runtime: RuntimeWithFaults,
  load: LoadGenerator,
  announce: (text: string) => void,
): FaultsView {
  const { faults } = runtime
  const seen = new Map<string, string>()
  const since = new Map<string, () => void>()
  const partsOf = (name: string) => {
    const item = find(`[data-fault="${name}"]`, HTMLElement, place)
    const button = find('button', HTMLButtonElement, item)
    const text = find('[data-part="seen"]', HTMLElement, item)
    const { textContent: title } = button
    const say = (words: string, lost: number) => {
      item.dataset.lost = String(lost)
      text.textContent = words
      seen.set(name, `${title}: ${words}`)
    }
    return { button, say }
  }

  /** A fault at one moment. @param strike Returns the lanes that it ended. @param nothing What is said where there were none. */
  const showStrike = (name: string, strike: () => readonly string[], nothing: string) => {
    const { button, say } = partsOf(name)
    button.addEventListener('click', async () => {
      const open = load.settleOpen()
      const struckAt = performance.now()
      const starts = new Map(laneNames(runtime).map((lane) => [lane, faults.starts(lane)] as const))
      const hit = strike()
      if (hit.length === 0) return say(nothing, 0)
      const ended = hit.join(', ')
      say(`${ended} ended with ${countOf(load.open, 'call')} open.`, 0)
      const [{ calls, lost }, isBack] = await Promise.all([
        open,
        areBack(runtime, hit, (lane) => faults.starts(lane) > (starts.get(lane) ?? 0)),
      ])
      const after = isBack
        ? `All was well again after ${milliseconds(performance.now() - struckAt)}.`
        : 'It starts again with the next call.'
      say(`${ended} ended with ${countOf(calls, 'call')} open: ${countText(lost)} lost. ${after}`, lost)
      announce(`${countOf(lost, 'call')} lost`)
    })
  }

  /** A fault that goes on until it is ended. */
  const showCondition = (name: string, endText: string, set: (isOn: boolean) => void) => {
    const { button, say } = partsOf(name)
    onPress(button, endText, (isPressed) => {
      set(isPressed)
      if (!isPressed) {
        since.get(name)?.()
        since.delete(name)
        return
      }
      const before = { ...load.answered, lost: load.lost }
      const write = () => {
        const [device, server] = [load.answered.device - before.device, load.answered.server - before.server]
        const lost = load.lost - before.lost
        const share = device + server > 0 ? `, ${percent(device / (device + server))} of them here` : ''
        say(`${countText(device + server)} answered since${share}. ${countText(lost)} lost.`, lost)
      }
      since.set(name, write)
      write()
    })
  }

  showStrike(
    'lane',
    () => {
      const lane = busiestLane(runtime)
      return lane !== undefined && faults.killLane(lane) ? [lane] : []
    },
    'No lane runs yet. Start the load first.',
  )
  showStrike(
    'gpu',
    () => {
      const lanes = laneNames(runtime, 'webgpu')
      return faults.loseGpu() > 0 ? lanes : []
    },
    'No model is on the GPU now.',
  )
  showCondition('server', 'Connect the server again', (isOn) => {
    faults.isServerCut = isOn
  })
  showCondition('link', 'Make the link fast again', (isOn) => {
    faults.serverDelayMs = isOn ? slowLinkMs : 0
  })
  let leaveAlone = () => {}
  showCondition('page', 'Leave the page alone', (isOn) => {
    leaveAlone()
    leaveAlone = isOn ? keepBusy() : () => {}
  })
  void runtime.capacity().then(({ gpu }) => {
    const { button, say } = partsOf('gpu')
    button.disabled = !gpu || gpu.software
    if (button.disabled) say('This device has no GPU that is used.', 0)
  })
  return {
    write: () => {
      for (const write of since.values()) write()
    },
    get seen() {
      return [...seen.values()]
    },
  }
}

const laneNames = (runtime: RuntimeWithFaults, backend?: string): string[] =>
  runtime
    .stats()
    .device.lanes.filter(
      (lane) => lane.state !== 'down' && (backend === undefined || lane.backend === backend),
    )
    .map(({ name }) => name)

/** A lane in the middle of a run, where there is one. */
function busiestLane(runtime: RuntimeWithFaults): string | undefined {
  const { lanes } = runtime.stats().device
  return (lanes.find(({ state }) => state === 'busy') ?? lanes.find(({ state }) => state === 'idle'))?.name
}

/** Resolves to whether all these lanes have started again before long. */
async function areBack(
  runtime: RuntimeWithFaults,
  names: readonly string[],
  hasRestarted: (lane: string) => boolean,
): Promise<boolean> {
  const until = performance.now() + longestReturnMs
  while (performance.now() < until) {
    const { lanes, queued } = runtime.stats().device
    const back = lanes.filter(({ state }) => state === 'idle' || state === 'busy').map(({ name }) => name)
    if (names.every((name) => back.includes(name) && hasRestarted(name))) return true
    const isNeeded = queued > 0 || lanes.some(({ state }) => state !== 'down')
    if (!isNeeded) return false
    await new Promise((resolve) => setTimeout(resolve, lookMs))
  }
  return false
}
