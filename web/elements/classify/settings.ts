import { countOfAttribute, numbersOfAttribute, policyOf, wordsOfAttribute } from '../shared/attributes.ts'

const sources = ['draw', 'picture', 'camera'] as const
type SourceName = (typeof sources)[number]

/** What the attributes say. */
export const settingsOf = (element: HTMLElement) => ({
  model: element.getAttribute('model') ?? 'digits',
  policy: policyOf(element),
  sources: wordsOfAttribute(element, 'sources', sources),
  top: countOfAttribute(element, 'top', { least: 1, most: 100, otherwise: 3 }),
  normalization: {
    mean: numbersOfAttribute(element, 'mean') ?? [],
    std: numbersOfAttribute(element, 'std') ?? [],
  },
})

/** Whether the element takes this; not where the attribute is wrong. */
export function offers(element: HTMLElement, source: SourceName): boolean {
  try {
    return wordsOfAttribute(element, 'sources', sources).includes(source)
  } catch {
    return false
  }
}

/** How many labels are shown; as many as by default where an attribute is wrong. */
export function topOf(element: HTMLElement): number {
  try {
    return settingsOf(element).top
  } catch {
    return 3
  }
}
