import { countOfAttribute, policyOf } from '../shared/attributes.ts'

/** What the attributes say. @throws SpillwayError `input_value_invalid` */
export const settingsOf = (element: HTMLElement) => ({
  model: element.getAttribute('model') ?? 'passages',
  policy: policyOf(element),
  src: element.getAttribute('src') ?? '',
  top: countOfAttribute(element, 'top', { least: 1, most: 100, otherwise: 5 }),
  maxTexts: countOfAttribute(element, 'max-texts', { least: 1, most: 100_000, otherwise: 5_000 }),
})

export type SearchSettings = ReturnType<typeof settingsOf>
