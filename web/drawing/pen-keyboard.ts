import type { Drawing } from './drawing.ts'
import { type Point, penWidth } from './stroke.ts'

/** How far one press moves the pen, without and with Shift; in shares of the pad's side. */
const step = 0.04
const fineStep = 0.01

const directions: Readonly<Record<string, Point>> = {
  ArrowLeft: { x: -1, y: 0 },
  ArrowRight: { x: 1, y: 0 },
  ArrowUp: { x: 0, y: -1 },
  ArrowDown: { x: 0, y: 1 },
}

export interface KeyboardOptions {
  /** The mark at the pen's position. */
  readonly cursor: HTMLElement
  readonly announce: (text: string) => void
}

/**
 * Arrow keys move the pen; two at once move it diagonally. Space or Enter draws: held down while moving, or pressed once
 * to put the pen down and again to lift it.
 */
export function drawByKeyboard(
  pad: HTMLElement,
  drawing: Drawing,
  { cursor, announce }: KeyboardOptions,
): void {
  let pen: Point = { x: 0.5, y: 0.5 }
  let isDown = false
  let movedWhileHeld = false
  const held = new Set<string>()

  const showPen = () => {
    cursor.style.setProperty('--x', String(pen.x))
    cursor.style.setProperty('--y', String(pen.y))
    cursor.toggleAttribute('data-down', isDown)
  }
  const setPen = (down: boolean) => {
    if (down === isDown) return
    isDown = down
    if (down) drawing.begin(pen)
    else drawing.end()
    announce(down ? 'Pen down' : 'Pen up')
    showPen()
  }
  const move = (size: number) => {
    const arrows = [...held].flatMap((key) => directions[key] ?? [])
    pen = {
      x: clamp(pen.x + size * arrows.reduce((sum, { x }) => sum + x, 0)),
      y: clamp(pen.y + size * arrows.reduce((sum, { y }) => sum + y, 0)),
    }
    movedWhileHeld = true
    if (isDown) drawing.extend(pen)
    showPen()
  }

  // Set here and not in the markup: without this script the pad takes no keys.
  pad.tabIndex = 0
  pad.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return
    if (event.key in directions) {
      held.add(event.key)
      move(event.shiftKey ? fineStep : step)
    } else if (event.key === ' ' || event.key === 'Enter') {
      if (!event.repeat) {
        movedWhileHeld = false
        setPen(!isDown)
      }
    } else if (['Backspace', 'Delete', 'c', 'C'].includes(event.key)) {
      setPen(false)
      drawing.clear()
      announce('Cleared')
    } else return
    event.preventDefault()
  })
  pad.addEventListener('keyup', ({ key }) => {
    held.delete(key)
    if ((key === ' ' || key === 'Enter') && movedWhileHeld) setPen(false)
  })
  pad.addEventListener('pointerdown', () => setPen(false))
  // A key released while another element has the focus sends no event here.
  pad.addEventListener('blur', () => {
    held.clear()
    setPen(false)
  })
  showPen()
}

/** Keeps the whole pen on the pad. */
const clamp = (share: number): number => Math.min(1 - penWidth / 2, Math.max(penWidth / 2, share))
