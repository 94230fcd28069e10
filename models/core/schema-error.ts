/**
 * Words the errors of schemas, for the whole project. zod keeps its own texts in locales, which are larger than all
 * schemas of a page; without a locale its every message is "Invalid input".
 */
import type { core } from 'zod/mini'
import { type ErrorCode, type ErrorDetail, SpillwayError } from './error.ts'
import { anyOf, countOf, shorten, showValue } from './wording.ts'

/** The first fault of a value: its path, what the schema expects there, and what came. */
export interface SchemaFault {
  /** `variants[0].files[0].size`; empty for the value itself. */
  readonly path: string
  readonly expected: string
  readonly got: string
}

/**
 * The first fault that a schema found in a value.
 *
 * @param value The refused value, which zod's errors do not carry.
 */
export function schemaFault({ issues: [issue] }: core.$ZodError, value: unknown): SchemaFault {
  if (!issue) return { path: '', expected: 'another value', got: showValue(value) }
  return faultOf(issue, value, [])
}

/**
 * An error that names the part of a value that its schema refuses.
 *
 * @param what The value in words, at the beginning of a sentence: `The manifest from URL`.
 */
export function schemaError(
  code: ErrorCode,
  what: string,
  error: core.$ZodError,
  value: unknown,
  detail: Pick<ErrorDetail, 'hint'> = {},
): SpillwayError {
  const { path, expected, got } = schemaFault(error, value)
  return new SpillwayError(code, `${what} is not valid at ${path || 'its root'}`, {
    expected,
    got,
    ...detail,
  })
}

/** @param base The path of `value`; the issue's path is relative to it. */
function faultOf(issue: core.$ZodIssue, value: unknown, base: readonly PropertyKey[]): SchemaFault {
  const found = issue.path.reduce(propertyOf, value)
  const path = [...base, ...issue.path]
  if (issue.code === 'invalid_union') {
    const branch = closestBranch(issue.errors)
    if (branch) return faultOf(branch, found, path)
  }
  return { path: showPath(path), expected: expectedBy(issue), got: gotBy(issue, found) }
}

/**
 * The branch of a union that the value most likely belongs to. It accepts the kind of value and fails below; of several
 * such branches it is the one with the fewest faults.
 */
function closestBranch(branches: readonly (readonly core.$ZodIssue[])[]): core.$ZodIssue | undefined {
  const deep = branches.filter(([first]) => first !== undefined && first.path.length > 0)
  return [...deep].sort((a, b) => a.length - b.length)[0]?.[0]
}

function expectedBy(issue: core.$ZodIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return typeNames[issue.expected] ?? `a value of type ${issue.expected}`
    case 'invalid_value':
      return anyOf(issue.values.map(showValue))
    case 'too_small':
      return bounded(issue, issue.minimum, issue.inclusive ? 'of at least' : 'above')
    case 'too_big':
      return bounded(issue, issue.maximum, issue.inclusive ? 'of at most' : 'below')
    case 'not_multiple_of':
      return `a multiple of ${issue.divisor}`
    case 'invalid_format':
      return issue.pattern === undefined
        ? `a string in the format "${issue.format}"`
        : `a string that matches ${issue.pattern}`
    case 'unrecognized_keys':
      return 'no other fields'
    case 'invalid_union': {
      if ('options' in issue && issue.options) return anyOf(issue.options.map(showValue))
      const firsts = issue.errors.flatMap(([first]) => (first ? [expectedBy(first)] : []))
      return firsts.length === 0 ? 'one of the known alternatives' : anyOf([...new Set(firsts)])
    }
    case 'invalid_key':
      return `names that are ${inner(issue.issues)}`
    case 'invalid_element':
      return `elements that are ${inner(issue.issues)}`
    case 'custom':
      // The author of a refinement writes what it expects.
      return issue.message === 'Invalid input' ? 'another value' : issue.message
  }
}

function gotBy(issue: core.$ZodIssue, found: unknown): string {
  if (issue.code === 'unrecognized_keys') return shorten(issue.keys.map(showValue).join(', '))
  if (issue.code === 'invalid_key') return showValue(issue.path.at(-1))
  return showValue(found)
}

const inner = ([first]: readonly core.$ZodIssue[]): string => (first ? expectedBy(first) : 'other values')

const typeNames: Readonly<Record<string, string>> = {
  string: 'a string',
  number: 'a number',
  int: 'an integer',
  bigint: 'a bigint',
  boolean: 'true or false',
  array: 'an array',
  tuple: 'an array',
  object: 'an object',
  record: 'an object',
  null: 'null',
  undefined: 'nothing',
  never: 'nothing',
  nonoptional: 'a value',
}

/** Values whose size is bounded, and what their size counts. */
const counted: Readonly<Record<string, readonly [whole: string, part: string]>> = {
  string: ['a string', 'character'],
  array: ['an array', 'element'],
  set: ['a set', 'element'],
  map: ['a map', 'element'],
  file: ['a file', 'byte'],
}

/** A bound of a number, or of the size of a string or a collection. */
function bounded(
  { origin, exact }: { readonly origin: string; readonly exact?: boolean },
  bound: number | bigint,
  relation: string,
): string {
  const names = counted[origin]
  if (!names) return `${origin === 'int' ? 'an integer' : 'a number'} ${relation} ${bound}`
  return `${names[0]} ${exact ? 'of exactly' : relation} ${countOf(Number(bound), names[1])}`
}

const propertyOf = (value: unknown, key: PropertyKey): unknown =>
  typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined

const showPath = (path: readonly PropertyKey[]): string =>
  path.reduce<string>((name, part) => {
    if (typeof part === 'number') return `${name}[${part}]`
    return name === '' ? String(part) : `${name}.${String(part)}`
  }, '')
