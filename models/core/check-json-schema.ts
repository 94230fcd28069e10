import { checkClasses } from './check-classes.ts'
import { SpillwayError } from './error.ts'
import { showValue } from './wording.ts'

/** Schemas in schemas. */
const mostDepth = 64

type Schema = Readonly<Record<string, unknown>>

/** Keywords that say nothing of which texts fit. */
const annotations = new Set(
  '$schema $id $comment $defs definitions title description default examples deprecated readOnly writeOnly'.split(
    ' ',
  ),
)

/** The keywords that texts are held to, beside each that decides what else counts. Others are refused. */
const forms = {
  $ref: [],
  const: ['type'],
  enum: ['type'],
  anyOf: [],
  oneOf: [],
  allOf: [],
  object: ['properties', 'required', 'additionalProperties'],
  array: ['items', 'prefixItems', 'minItems', 'maxItems'],
  string: ['minLength', 'maxLength', 'pattern', 'format'],
  integer: ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum'],
  number: ['minimum', 'maximum'],
  boolean: [],
  null: [],
} as const

const combined = ['$ref', 'const', 'enum', 'anyOf', 'oneOf', 'allOf'] as const
const types = ['object', 'array', 'string', 'integer', 'number', 'boolean', 'null'] as const

const formats = new Set(
  'date time date-time duration email hostname ipv4 ipv6 uuid uri uri-reference uri-template json-pointer relative-json-pointer'.split(
    ' ',
  ),
)

/**
 * Refuses a schema that the grammar engine would read in part, or that contradicts itself.
 *
 * @throws SpillwayError `input_value_invalid`; `not_supported`, which names the keyword.
 */
export function checkJsonSchema(schema: unknown, param: string): void {
  new SchemaCheck(schema).check(schema, param, 0)
}

class SchemaCheck {
  readonly #root: unknown

  constructor(root: unknown) {
    this.#root = root
  }

  check(schema: unknown, param: string, depth: number): void {
    if (schema === true) return
    if (schema === false) throw contradiction(param, 'a schema that some value fits', 'false')
    if (!isObject(schema)) throw invalid(param, 'a JSON schema', schema)
    if (depth > mostDepth) throw invalid(param, `at most ${mostDepth} schemas in each other`, schema)
    for (const name of ['$defs', 'definitions']) this.#checkAll(schema[name] ?? {}, `${param}.${name}`, depth)
    const form = combined.find((keyword) => schema[keyword] !== undefined)
    if (form) this.#checkCombined(form, schema, param, depth)
    else this.#checkTypes(schema, param, depth)
  }

  #checkCombined(form: (typeof combined)[number], schema: Schema, param: string, depth: number): void {
    refuseOthers(schema, [form, ...forms[form]], param)
    if (form === '$ref') this.#checkReference(schema.$ref, `${param}.$ref`)
    else if (form === 'const') checkValues([schema.const], schema, `${param}.const`)
    else if (form === 'enum') checkValues(schema.enum, schema, `${param}.enum`)
    else {
      const several = listOf(schema[form], `${param}.${form}`)
      if (form === 'allOf' && several.length > 1) throw unsupported(param, 'allOf', 'of several schemas')
      if (form === 'oneOf' && !areDisjoint(several))
        throw unsupported(param, 'oneOf', 'of schemas that one value may fit at once: use anyOf')
      for (const [at, one] of several.entries()) this.check(one, `${param}.${form}[${at}]`, depth + 1)
    }
  }

  #checkTypes(schema: Schema, param: string, depth: number): void {
    const given = typesOf(schema, param)
    refuseOthers(schema, ['type', ...given.flatMap((type) => forms[type])], param)
    if (given.includes('object')) this.#checkObject(schema, param, depth)
    if (given.includes('array')) this.#checkArray(schema, param, depth)
    if (given.includes('string')) checkString(schema, param)
    if (given.includes('integer') || given.includes('number')) checkNumber(schema, param)
  }

  #checkObject(schema: Schema, param: string, depth: number): void {
    const { properties = {}, required = [], additionalProperties: more } = schema
    this.#checkAll(properties, `${param}.properties`, depth)
    for (const name of listOf(required, `${param}.required`, 0)) {
      if (typeof name === 'string' && Object.hasOwn(Object(properties), name)) continue
      throw unsupported(param, 'required', `of ${showValue(name)}, which is not among properties`)
    }
    if (more !== undefined && more !== false) this.check(more, `${param}.additionalProperties`, depth + 1)
  }

  #checkArray({ items, prefixItems, ...counts }: Schema, param: string, depth: number): void {
    if (items !== undefined && items !== false) this.check(items, `${param}.items`, depth + 1)
    const first = prefixItems === undefined ? [] : listOf(prefixItems, `${param}.prefixItems`)
    for (const [at, one] of first.entries()) this.check(one, `${param}.prefixItems[${at}]`, depth + 1)
    checkCounts(counts, 'minItems', 'maxItems', param)
    const most = items === false || (items === undefined && first.length > 0) ? first.length : Infinity
    const { minItems = 0, maxItems = most } = counts
    if (Number(minItems) > most || Number(maxItems) < first.length)
      throw contradiction(param, 'as many items as prefixItems', `minItems ${minItems}, maxItems ${maxItems}`)
  }

  #checkAll(schemas: unknown, param: string, depth: number): void {
    if (!isObject(schemas)) throw invalid(param, 'an object of JSON schemas', schemas)
    for (const [name, one] of Object.entries(schemas)) this.check(one, `${param}.${name}`, depth + 1)
  }

  #checkReference(reference: unknown, param: string): void {
    if (reference === '#') return
    const path = typeof reference === 'string' && /^#\/([^~%]+)$/.exec(reference)?.[1]
    let found: unknown = path ? this.#root : undefined
    for (const name of path ? path.split('/') : [])
      found = isObject(found) && Object.hasOwn(found, name) ? found[name] : undefined
    if (!isObject(found)) throw invalid(param, 'a path in this schema, such as "#/$defs/name"', reference)
  }
}

const isObject = (value: unknown): value is Schema =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function listOf(value: unknown, param: string, least = 1): readonly unknown[] {
  if (Array.isArray(value) && value.length >= least) return value
  throw invalid(param, `a list of ${least} or more`, value)
}

/** The types that a schema names, or that its keywords are of. Without either, every value fits. */
function typesOf(schema: Schema, param: string): (typeof types)[number][] {
  const { type } = schema
  if (type === undefined) {
    const implied = (['object', 'array'] as const).find((one) =>
      forms[one].some((keyword) => keyword !== 'required' && schema[keyword] !== undefined),
    )
    return implied ? [implied] : []
  }
  return (Array.isArray(type) ? listOf(type, `${param}.type`) : [type]).map((one) => {
    const known = types.find((name) => name === one)
    if (known) return known
    throw invalid(`${param}.type`, types.join(', '), one)
  })
}

function refuseOthers(schema: Schema, known: readonly string[], param: string): void {
  for (const keyword of Object.keys(schema))
    if (!annotations.has(keyword) && !known.includes(keyword) && schema[keyword] !== undefined)
      throw unsupported(param, keyword, 'here')
}

function checkValues(values: unknown, schema: Schema, param: string): void {
  const given = schema.type === undefined ? types : typesOf(schema, param)
  for (const value of listOf(values, param)) {
    if (given.some((type) => hasType(value, type))) continue
    throw contradiction(param, `values of type ${given.join(', ')}`, showValue(value))
  }
}

function hasType(value: unknown, type: (typeof types)[number]): boolean {
  if (type === 'null') return value === null
  if (type === 'array') return Array.isArray(value)
  if (type === 'object') return isObject(value)
  if (type === 'integer') return Number.isInteger(value)
  return typeof value === type
}

function checkString(schema: Schema, param: string): void {
  const { pattern, format } = schema
  checkCounts(schema, 'minLength', 'maxLength', param)
  const others = ['minLength', 'maxLength', 'pattern'].filter((keyword) => schema[keyword] !== undefined)
  if (format !== undefined) {
    if (typeof format !== 'string' || !formats.has(format))
      throw unsupported(param, 'format', showValue(format))
    if (others[0]) throw unsupported(param, others[0], 'beside format')
  }
  if (pattern === undefined) return
  checkClasses(pattern, `${param}.pattern`, 'regex')
  if (others.length > 1) throw unsupported(param, others[0] ?? '', 'beside pattern')
  // In JSON these characters are written as others.
  if (/["\p{Cc}]|\\[\\nrtfv0xuc]/u.test(String(pattern)))
    throw unsupported(param, 'pattern', 'with quotes, backslashes or control characters')
}

function checkNumber(schema: Schema, param: string): void {
  const bound = (keyword: string, otherwise: number): number => {
    const value = schema[keyword] ?? otherwise
    if (typeof value === 'number' && (value === otherwise || Number.isSafeInteger(value))) return value
    if (typeof value === 'number') throw unsupported(param, keyword, 'that is no whole number')
    throw invalid(`${param}.${keyword}`, 'a number', value)
  }
  const least = Math.max(bound('minimum', -Infinity), bound('exclusiveMinimum', -Infinity) + 1)
  const most = Math.min(bound('maximum', Infinity), bound('exclusiveMaximum', Infinity) - 1)
  if (least > most) throw contradiction(param, 'a number that fits', `from ${least} to ${most}`)
}

function checkCounts(schema: Schema, least: string, most: string, param: string): void {
  for (const keyword of [least, most]) {
    const value = schema[keyword] ?? 0
    if (!Number.isSafeInteger(value) || Number(value) < 0)
      throw invalid(`${param}.${keyword}`, 'a whole number', value)
  }
  if (Number(schema[least] ?? 0) <= Number(schema[most] ?? Infinity)) return
  throw contradiction(param, `${least} up to ${most}`, `${schema[least]} and ${schema[most]}`)
}

/** Whether no value fits two of the schemas: they have other types, or a property with other values. */
function areDisjoint(schemas: readonly unknown[]): boolean {
  const objects = schemas.filter(isObject)
  if (objects.length < schemas.length) return false
  const keys = objects.map(({ type }) => (typeof type === 'string' ? type : undefined))
  if (areDistinct(keys) && !(keys.includes('integer') && keys.includes('number'))) return true
  const names = Object.keys(Object(objects[0]?.properties))
  return names.some((name) =>
    areDistinct(
      objects.map(({ type, properties, required }) => {
        const { const: value }: Schema = Object(Object(properties)[name])
        const isTag = type === 'object' && Array.isArray(required) && required.includes(name)
        return isTag && value !== undefined ? JSON.stringify(value) : undefined
      }),
    ),
  )
}

const areDistinct = (keys: readonly (string | undefined)[]) =>
  !keys.includes(undefined) && new Set(keys).size === keys.length

const invalid = (param: string, expected: string, got: unknown) =>
  new SpillwayError('input_value_invalid', `The schema is not valid at ${param}`, {
    expected,
    got: showValue(got),
    param,
  })

const contradiction = (param: string, expected: string, got: string) =>
  new SpillwayError('input_value_invalid', `The schema contradicts itself at ${param}`, {
    expected,
    got,
    param,
  })

const unsupported = (param: string, keyword: string, why: string) =>
  new SpillwayError('not_supported', `Texts cannot be held to "${keyword}" ${why}`, {
    got: `${param}.${keyword}`,
    hint: 'Leave the keyword out of the schema, and check the answer.',
    param: `${param}.${keyword}`,
  })
