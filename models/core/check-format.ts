import { checkClasses } from './check-classes.ts'
import { checkJsonSchema } from './check-json-schema.ts'
import { SpillwayError } from './error.ts'
import { refuseUnknownFields } from './known-fields.ts'
import type { TextFormat } from './text-format.ts'
import { anyOf, showValue } from './wording.ts'

/** Characters of a format as JSON: larger ones take minutes to compile. */
const mostCharacters = 65_536

const types = ['json_object', 'json_schema', 'regex', 'grammar', 'choice'] as const

/**
 * Checks a format as far as it can be checked without compiling it.
 *
 * @param param The field that has it, as its caller names it.
 * @throws SpillwayError `input_name_invalid`, `input_value_invalid`; `not_supported` for a keyword of a schema that texts
 * cannot be held to.
 */
export function checkTextFormat(format: TextFormat, param = 'format'): void {
  const { type }: { type?: unknown } = Object(format)
  const known = types.find((one) => one === type)
  if (!known) throw invalid(`${param}.type`, anyOf(types.map((one) => `"${one}"`)), type)
  refuseUnknownFields('A format', format, { type: true, ...fields[known] })
  checkSize(format, param)
  if (format.type === 'json_schema') checkJsonSchema(format.schema, `${param}.schema`)
  else if (format.type === 'regex') checkClasses(format.regex, `${param}.regex`, 'regex')
  else if (format.type === 'grammar') checkClasses(format.grammar, `${param}.grammar`, 'grammar')
  else if (format.type === 'choice') checkChoice(format.choice, `${param}.choice`)
}

const fields: Readonly<Record<(typeof types)[number], Readonly<Record<string, true>>>> = {
  json_object: {},
  json_schema: { schema: true },
  regex: { regex: true },
  grammar: { grammar: true },
  choice: { choice: true },
}

function checkSize(format: TextFormat, param: string): void {
  let text: string
  try {
    text = JSON.stringify(format)
  } catch (cause) {
    throw SpillwayError.from(cause, 'input_value_invalid', `"${param}" is no JSON`)
  }
  if (text.length <= mostCharacters) return
  throw new SpillwayError('input_value_invalid', `"${param}" is too long`, {
    expected: `at most ${mostCharacters} characters as JSON`,
    got: `${text.length}`,
    param,
  })
}

function checkChoice(value: unknown, param: string): void {
  const isTexts = Array.isArray(value) && value.every((one) => typeof one === 'string' && one !== '')
  if (!isTexts || value.length === 0) throw invalid(param, 'strings that are not empty', value)
}

const invalid = (param: string, expected: string, got: unknown) =>
  new SpillwayError('input_value_invalid', `"${param}" is not valid`, {
    expected,
    got: showValue(got),
    param,
  })
