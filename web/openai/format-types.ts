/** OpenAI's form of a text. A schema is always held to, `strict` or not. */
export type OpenAiResponseFormat =
  | { readonly type: 'text' }
  | { readonly type: 'json_object' }
  | {
      readonly type: 'json_schema'
      readonly json_schema: {
        readonly name: string
        readonly description?: string | undefined
        readonly schema?: { readonly [keyword: string]: unknown } | undefined
        readonly strict?: boolean | null | undefined
      }
    }

/** As `OpenAiResponseFormat`, with the schema's fields beside its type. */
export type OpenAiResponseTextFormat =
  | { readonly type: 'text' }
  | { readonly type: 'json_object' }
  | {
      readonly type: 'json_schema'
      readonly name: string
      readonly description?: string | undefined
      readonly schema: { readonly [keyword: string]: unknown }
      readonly strict?: boolean | null | undefined
    }
