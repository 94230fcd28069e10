/**
 * The form that a text has to have. The names are those of OpenAI's `text.format`, and of vLLM's structured outputs.
 * Types only.
 */
export type TextFormat =
  /** A JSON object, whatever is in it. */
  | { readonly type: 'json_object' }
  /** JSON that fits a JSON schema. */
  | { readonly type: 'json_schema'; readonly schema: JsonSchema }
  /** A regular expression that the whole text matches. */
  | { readonly type: 'regex'; readonly regex: string }
  /** A grammar in EBNF, as xgrammar and llama.cpp (GBNF) have it; the text is its rule `root`. */
  | { readonly type: 'grammar'; readonly grammar: string }
  /** One of these texts. */
  | { readonly type: 'choice'; readonly choice: readonly string[] }

/** A JSON schema: `true` allows everything. */
export type JsonSchema = boolean | { readonly [keyword: string]: unknown }
