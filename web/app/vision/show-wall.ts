import type { SpillwayError } from '../../../models/core/index.ts'
import type { Runtime } from '../../api/create-runtime.ts'
import type { Announcer } from '../../view/announce.ts'
import { find } from '../../view/find.ts'
import { oncePerFrame } from '../../view/once-per-frame.ts'
import { countText, milliseconds, percent } from '../../view/words.ts'
import { createFiguresView } from '../figures-view.ts'
import { createSharedMeter } from '../shared-meter.ts'
import { createLabels } from './labels.ts'
import { seeded } from './seeded.ts'
import { cellCount, Wall } from './wall.ts'
import { createWallPicture } from './wall-picture.ts'
import { WallReader } from './wall-reader.ts'

/** The same hands draw the wall at every visit. */
const seed = 20

export interface WallOptions {
  readonly announcer: Announcer
  readonly failed: (error: SpillwayError) => void
  /** All digits were read. */
  readonly read: () => void
}

/** Shows the wall of digits. Nothing is read before the visitor asks for it. */
export function showWall(
  panel: HTMLElement,
  runtime: Runtime,
  { announcer, failed, read }: WallOptions,
): void {
  const wall = new Wall(seeded(seed))
  const { cells } = wall
  const canvas = find('canvas', HTMLCanvasElement, panel)
  const figures = createFiguresView(find('[data-testid="wall-figures"]', HTMLElement, panel), [
    'sweep',
    'rate',
    'shared',
    'right',
    'stayed',
  ])
  const readShared = createSharedMeter(runtime, 'digits')
  const labels = createLabels(find('[data-testid="wall-labels"]', HTMLElement, panel), (digit) =>
    picture.setShown(digit),
  )
  const reader = new WallReader(runtime, cells, {
    read: (index) => picture.paint(index),
    ended: (ms) => {
      const readings = cells.flatMap(({ drawn, reading }) => (reading ? [{ drawn, ...reading }] : []))
      const right = readings.filter(({ drawn, digit }) => digit === drawn).length
      const stayed = readings.filter(({ tier }) => tier === 'device').length
      const rate = Math.round((cellCount / ms) * 1_000)
      const shared = readShared()
      figures.show({
        sweep: [ms, milliseconds(ms)],
        rate: [rate, `${countText(rate)} a second`],
        ...(shared !== undefined && { shared: [shared, countText(Math.round(shared))] }),
        right: [right, `${right} of ${cellCount}`],
        stayed: [stayed, percent(stayed / cellCount)],
      })
      labels.show(readings.map(({ digit }) => digit))
      announcer.settled(`${cellCount} digits read in ${milliseconds(ms)}, ${right} as they were drawn.`)
      read()
    },
    failed,
  })
  const readSoon = oncePerFrame(() => reader.read())
  const picture = createWallPicture(canvas, cells, (index) => {
    if (!cells[index]) return
    wall.draw(index)
    picture.paint(index)
    readSoon()
  })
  const drawing = wall.drawAll(picture.paint)
  const onPress = (testId: string, prepare: () => Promise<void>) => {
    const button = find(`[data-testid="${testId}"]`, HTMLButtonElement, panel)
    button.addEventListener('click', async () => {
      await drawing
      await prepare()
      readSoon()
    })
    button.disabled = false
  }
  onPress('read-all', async () => {})
  onPress('redraw-all', () => wall.drawAll(picture.paint))
}
