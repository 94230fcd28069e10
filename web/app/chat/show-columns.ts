import type { Policy, SpillwayError, Tier } from '../../../models/core/index.ts'
import type { Model } from '../../api/model.ts'
import { find } from '../../view/find.ts'
import { Column } from './column.ts'
import { openings } from './openings.ts'

/** Where each column's text is written while nothing is lost: the other place takes over where this one fails. */
const home: Readonly<Record<Tier, Policy>> = { device: 'prefer-device', server: 'prefer-server' }

/** The policy of all texts once a place is lost. */
const without: Readonly<Record<Tier, Policy>> = { device: 'server', server: 'device' }

const tiers = ['device', 'server'] as const

export interface ColumnsWatcher {
  readonly model: () => Promise<Model>
  /** A new text is begun. */
  readonly begun: () => void
  readonly said: (text: string) => void
  readonly failed: (error: SpillwayError) => void
}

/** One prompt that is continued in two columns, here and there, and the buttons that take one of the two places away. */
export function showColumns({ model, begun, said, failed }: ColumnsWatcher): void {
  const form = find('#ask', HTMLFormElement)
  const prompt = find('#prompt', HTMLTextAreaElement)
  const stop = find('#ask-stop', HTMLButtonElement)
  const columns = tiers.map((tier) => {
    const column: Column = new Column(find(`#column-${tier}`, HTMLElement), home[tier], {
      changed: () => {
        stop.disabled = !columns.some(({ isRunning }) => isRunning)
      },
      moved: (to) =>
        said(to === 'device' ? 'The text goes on on this device' : 'The text goes on on the server'),
      failed,
    })
    return column
  })
  const write = () => {
    begun()
    for (const column of columns) void column.write(prompt.value.trimEnd(), model)
  }

  prompt.value ||= openings[0] ?? ''
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    write()
  })
  prompt.addEventListener('keydown', (event) => {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) form.requestSubmit()
  })
  stop.addEventListener('click', () => {
    for (const column of columns) column.stop()
  })

  // Not among what a page starts with.
  void import('../recorded/chat.json').then(({ default: recorded }) => {
    for (const [index, tier] of tiers.entries()) columns[index]?.play(recorded[tier], tier)
  })

  const buttons = tiers.map((tier) => find(`#lose-${tier}`, HTMLButtonElement))
  for (const [index, tier] of tiers.entries()) {
    const button = buttons[index]
    const other = buttons[1 - index]
    if (!button || !other) continue
    const words = { lose: button.textContent, restore: button.dataset.restore ?? '' }
    button.addEventListener('click', () => {
      const isLost = button.toggleAttribute('data-pressed')
      button.textContent = isLost ? words.restore : words.lose
      // With both places lost there would be nothing to see.
      other.disabled = isLost
      if (!isLost) {
        for (const [at, column] of columns.entries()) column.place(home[tiers[at] ?? 'device'])
        return
      }
      const isRunning = columns.some((column) => column.isRunning)
      for (const column of columns) {
        if (isRunning) column.place(without[tier])
        else column.placeSoon(without[tier])
      }
      if (!isRunning) write()
    })
  }
}
