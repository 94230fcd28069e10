import { SpillwayError } from './error.ts'
import { showValue } from './wording.ts'

/** Classes of characters, after what may have brackets in it. */
const classes = {
  regex: /\\.|(\[(?:[^\]\\]|\\.)*\])/gs,
  grammar: /"(?:[^"\\]|\\.)*"|#[^\n]*|(\[(?:[^\]\\]|\\.)*\])/gs,
}

/**
 * The grammar engine reads a class that names characters past ASCII wrongly.
 *
 * @throws SpillwayError `input_value_invalid` where it is no text, `not_supported` where it has such a class.
 */
export function checkClasses(value: unknown, param: string, kind: keyof typeof classes): void {
  if (typeof value !== 'string' || value === '') {
    throw new SpillwayError('input_value_invalid', `"${param}" is not valid`, {
      expected: 'a string that is not empty',
      got: showValue(value),
      param,
    })
  }
  for (const [, found] of value.matchAll(classes[kind])) {
    if (!found || !/[^\p{ASCII}]|\\[uUpPSWD]|\\x[89a-fA-F]/u.test(found)) continue
    throw new SpillwayError(
      'not_supported',
      `"${param}" has a class of characters that texts cannot be held to`,
      {
        expected: 'classes of characters of ASCII, such as [a-z], or what they leave out: [^a-z]',
        got: showValue(found),
        param,
      },
    )
  }
}
