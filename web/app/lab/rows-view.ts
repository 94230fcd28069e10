import type { Tier } from '../../../models/core/index.ts'

/** One row of a list: what it is about, and what there is to say. */
export interface Row {
  readonly key: string
  readonly title: string
  readonly text: string
  readonly tier?: Tier
  /** A button at the end of the row. */
  readonly action?: { readonly name: string; readonly act: () => void }
}

interface Shown {
  readonly item: HTMLLIElement
  readonly title: HTMLElement
  readonly text: HTMLElement
  act: (() => void) | undefined
}

/** Shows rows in a list. A row that stays keeps its elements: the focus, and what a visitor has marked, stay with it. */
export function createRowsView(list: HTMLElement, empty: string): (rows: readonly Row[]) => void {
  const shown = new Map<string, Shown>()
  const none = document.createElement('li')
  none.textContent = empty
  const write = (element: HTMLElement, text: string) => {
    if (element.textContent !== text) element.textContent = text
  }
  return (rows) => {
    if (rows.length === 0) list.append(none)
    else none.remove()
    const keys = new Set(rows.map(({ key }) => key))
    for (const [key, { item }] of shown) {
      if (keys.has(key)) continue
      item.remove()
      shown.delete(key)
    }
    for (const row of rows) {
      let entry = shown.get(row.key)
      if (!entry) {
        entry = create(row)
        shown.set(row.key, entry)
        list.append(entry.item)
      }
      entry.act = row.action?.act
      write(entry.title, row.title)
      write(entry.text, row.text)
    }
  }
}

function create({ key, tier, title: name, action }: Row): Shown {
  const item = document.createElement('li')
  item.dataset.key = key
  const title = document.createElement('b')
  if (tier) {
    const mark = document.createElement('i')
    mark.className = 'mark'
    mark.dataset.tier = tier
    item.append(mark)
  }
  const text = document.createElement('span')
  item.append(title, ' ', text)
  const entry: Shown = { item, title, text, act: undefined }
  if (action) {
    const button = document.createElement('button')
    button.type = 'button'
    button.textContent = action.name
    button.setAttribute('aria-label', `${action.name} ${name}`)
    button.addEventListener('click', () => entry.act?.())
    item.append(' ', button)
  }
  return entry
}
