import type * as Xgrammar from '@mlc-ai/web-xgrammar'
import type { TextFormat } from '../../../models/core/text-format.ts'
import { engineRegex } from './engine-regex.ts'
import { onlyJsonStrings } from './json-strings.ts'

/** White space between two parts of JSON, in characters: enough for objects that are indented, and too little to fill a text with. */
const mostSpace = 8

/** Compiles a format for the tokens of the compiler. It aborts where the engine cannot. */
export async function compileFormat(
  xgrammar: typeof Xgrammar,
  compiler: Xgrammar.GrammarCompiler,
  format: TextFormat,
): Promise<Xgrammar.CompiledGrammar> {
  const grammar = await grammarOf(xgrammar, format)
  try {
    return await compiler.compileGrammar(grammar)
  } finally {
    grammar.dispose()
  }
}

async function grammarOf(xgrammar: typeof Xgrammar, format: TextFormat): Promise<Xgrammar.Grammar> {
  const { Grammar, Testings } = xgrammar
  switch (format.type) {
    case 'json_object':
      return grammarOf(xgrammar, { type: 'json_schema', schema: { type: 'object' } })
    case 'json_schema': {
      const schema = JSON.stringify(closed(format.schema))
      return Grammar.fromEBNF(
        onlyJsonStrings(await Testings._jsonSchemaToEBNF(schema, true, -1, undefined, true, mostSpace)),
      )
    }
    case 'regex':
      return Grammar.fromStructuralTag({
        type: 'structural_tag',
        format: { type: 'regex', pattern: engineRegex(format.regex) },
      })
    case 'grammar':
      return Grammar.fromEBNF(format.grammar)
    case 'choice':
      return Grammar.fromEBNF(`root ::= ${format.choice.map(literal).join(' | ')}`)
  }
}

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
