import { find } from '../view/find.ts'

/** A figure, and its text. */
export type Figure = readonly [value: number, text: string]

export interface FiguresView<Name extends string> {
  show(figures: Readonly<Partial<Record<Name, Figure>>>): void
  clear(): void
}

/** Shows figures in the parts of a list; each value is also a data attribute of the list. */
export function createFiguresView<Name extends string>(
  list: HTMLElement,
  names: readonly Name[],
): FiguresView<Name> {
  const parts = names.map((name) => [name, find(`[data-part="${name}"]`, HTMLElement, list)] as const)
  const show = (figures: Readonly<Partial<Record<Name, Figure>>>) => {
    for (const [name, part] of parts) {
      const figure = figures[name]
      if (figure) list.dataset[name] = figure[0].toFixed(3)
      else delete list.dataset[name]
      part.textContent = figure?.[1] ?? '–'
    }
  }
  return {
    show,
    clear: () => {
      for (const [name, part] of parts) {
        delete list.dataset[name]
        part.textContent = '–'
      }
    },
  }
}
