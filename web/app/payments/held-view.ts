import { countText, milliseconds, percent, tierWords } from '../../view/words.ts'
import type { HeldPayment } from './stream.ts'

const rows = 9

/** Shows the payments held last, the newest first, in rows that are there from the start. */
export function createHeldView(body: HTMLTableSectionElement): (payments: readonly HeldPayment[]) => void {
  const lines = Array.from({ length: rows }, () => {
    const line = body.insertRow()
    const first = line.insertCell()
    const mark = document.createElement('i')
    mark.className = 'mark'
    mark.hidden = true
    const paid = document.createElement('span')
    paid.textContent = '–'
    first.append(mark, paid)
    return { mark, cells: [paid, line.insertCell(), line.insertCell(), line.insertCell()] }
  })
  return (payments) => {
    lines.forEach(({ mark, cells }, index) => {
      const payment = payments[index]
      if (!payment) return
      const { facts, probability, ms, tier } = payment
      mark.hidden = false
      mark.dataset.tier = tier
      mark.title = tierWords[tier]
      const texts = [
        facts.isOnline ? 'Online' : `${countText(Math.round(facts.kmFromHome))} km`,
        `${facts.amount.toFixed(0)} ×`,
        percent(probability),
        milliseconds(ms),
      ]
      cells.forEach((cell, column) => {
        const text = texts[column] ?? ''
        if (cell.textContent !== text) cell.textContent = text
      })
    })
  }
}

/** The most payments that are shown. */
export const shownHeld = rows
