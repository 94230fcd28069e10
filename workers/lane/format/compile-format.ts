import type * as Xgrammar from '@mlc-ai/web-xgrammar'
import type { AnswerForm, Tag } from '../../protocol/answer-form.ts'
import { engineRegex } from './engine-regex.ts'
import { onlyJsonStrings } from './json-strings.ts'

/** White space between two parts of JSON, in characters: enough for objects that are indented, and too little to fill a text with. */
const mostSpace = 8

/** Compiles a form for the tokens of the compiler. It aborts where the engine cannot. */
export async function compileFormat(
  xgrammar: typeof Xgrammar,
  compiler: Xgrammar.GrammarCompiler,
  form: AnswerForm,
): Promise<Xgrammar.CompiledGrammar> {
  const tag = await tagOf(xgrammar, form)
  const { Grammar } = xgrammar
  const grammar =
    tag.type === 'grammar'
      ? await Grammar.fromEBNF(tag.grammar)
      : await Grammar.fromStructuralTag({ type: 'structural_tag', format: tag })
  try {
    return await compiler.compileGrammar(grammar)
  } finally {
    grammar.dispose()
  }
}

/** The form as a structural tag of the engine. */
async function tagOf(xgrammar: typeof Xgrammar, form: AnswerForm): Promise<Xgrammar.StructuralTagFormat> {
  const tagsOf = (forms: readonly AnswerForm[]) => Promise.all(forms.map((one) => tagOf(xgrammar, one)))
  switch (form.type) {
    case 'json_object':
      return tagOf(xgrammar, { type: 'json_schema', schema: { type: 'object' } })
    case 'json_schema': {
      const schema = JSON.stringify(closed(form.schema))
      const { _jsonSchemaToEBNF: toEbnf } = xgrammar.Testings
      return {
        type: 'grammar',
        grammar: onlyJsonStrings(await toEbnf(schema, true, -1, undefined, true, mostSpace)),
      }
    }
    case 'regex':
      return { type: 'regex', pattern: engineRegex(form.regex) }
    case 'grammar':
      return form
    case 'choice':
      return { type: 'grammar', grammar: `root ::= ${form.choice.map(literal).join(' | ')}` }
    case 'any_text':
      return form
    case 'tag':
      return partOf(xgrammar, form)
    case 'sequence':
    case 'or':
      return { type: form.type, elements: await tagsOf(form.elements) }
    case 'tags_with_separator':
    case 'triggered_tags': {
      const tags = await Promise.all(form.tags.map((one) => partOf(xgrammar, one)))
      return form.type === 'triggered_tags'
        ? { ...form, triggers: [...form.triggers], tags }
        : { ...form, tags }
    }
  }
}

const partOf = async (xgrammar: typeof Xgrammar, tag: Tag): Promise<Xgrammar.TagFormat> => ({
  ...tag,
  content: await tagOf(xgrammar, tag.content),
})

/**
 * The schema as the engine reads it. Where properties are listed there are no others: a further one could have the name
 * of a listed one, and another type.
 */
function closed(schema: unknown): unknown {
  if (schema === true) return {}
  if (!isObject(schema)) return schema
  const result: Record<string, unknown> = { ...schema }
  for (const [keyword, value] of Object.entries(schema)) {
    if (keyword === 'additionalProperties') result[keyword] = schema.properties === undefined && closed(value)
    else if (keyword === 'items') result[keyword] = closed(value)
    else if (keyword === 'pattern' && typeof value === 'string') result[keyword] = engineRegex(value)
    else if (lists.has(keyword) && Array.isArray(value)) result[keyword] = value.map(closed)
    else if (maps.has(keyword) && isObject(value))
      result[keyword] = Object.fromEntries(Object.entries(value).map(([name, one]) => [name, closed(one)]))
  }
  return result
}

const lists = new Set(['anyOf', 'oneOf', 'allOf', 'prefixItems'])
const maps = new Set(['properties', '$defs', 'definitions'])

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** A text as a literal of EBNF. */
const literal = (text: string) =>
  `"${text.replace(/["\\\p{Cc}]/gu, (character) => `\\x${(character.codePointAt(0) ?? 0).toString(16).padStart(2, '0')}`)}"`
