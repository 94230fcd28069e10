import { SpillwayError } from '../../../models/core/error.ts'
import { type Policy, policies } from '../../../models/core/placement.ts'
import { anyOf, showValue } from '../../../models/core/wording.ts'

const invalid = (element: Element, name: string, expected: string) =>
  new SpillwayError('input_value_invalid', `The attribute "${name}" of <${element.localName}> is invalid`, {
    expected,
    got: showValue(element.getAttribute(name)),
  })

/** The element's policy. @throws SpillwayError `input_value_invalid` */
export function policyOf(element: Element): Policy | undefined {
  const text = element.getAttribute('policy')
  if (text === null || text === '') return undefined
  const policy = policies.find((each) => each === text)
  if (!policy) throw invalid(element, 'policy', anyOf(policies))
  return policy
}

/** A whole number within bounds. @throws SpillwayError `input_value_invalid` */
export function countOfAttribute(
  element: Element,
  name: string,
  { least, most, otherwise }: { readonly least: number; readonly most: number; readonly otherwise: number },
): number {
  const text = element.getAttribute(name)
  if (text === null) return otherwise
  const value = Number(text)
  if (text.trim() === '' || !Number.isInteger(value) || value < least || value > most)
    throw invalid(element, name, `a whole number from ${least} to ${most}`)
  return value
}

/** Words of a list, apart by spaces. @throws SpillwayError `input_value_invalid` */
export function wordsOfAttribute<Word extends string>(
  element: Element,
  name: string,
  allowed: readonly Word[],
): readonly Word[] {
  const text = element.getAttribute(name)
  if (text === null) return allowed
  const words = text.split(/\s+/).filter((word) => word !== '')
  const known = allowed.filter((word) => words.includes(word))
  if (words.length === 0 || !words.every((word) => allowed.some((each) => each === word)))
    throw invalid(element, name, `${anyOf(allowed)}, apart by spaces`)
  return known
}

/** Numbers apart by spaces; undefined where there is no such attribute. @throws SpillwayError `input_value_invalid` */
export function numbersOfAttribute(element: Element, name: string): readonly number[] | undefined {
  const text = element.getAttribute(name)
  if (text === null) return undefined
  const numbers = text.trim().split(/\s+/).map(Number)
  if (text.trim() === '' || !numbers.every(Number.isFinite))
    throw invalid(element, name, 'numbers, apart by spaces')
  return numbers
}
