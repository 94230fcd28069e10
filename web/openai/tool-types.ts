/** A tool that the model may call. Other kinds than functions are refused. */
export interface OpenAiTool {
  readonly type: string
  readonly function?: {
    readonly name: string
    readonly description?: string | undefined
    /** A JSON Schema of an object. */
    readonly parameters?: Readonly<Record<string, unknown>> | undefined
    /** Whether arguments are held to `parameters`. They always are where a call must be made. */
    readonly strict?: boolean | null | undefined
  }
}

/** A call of a tool. */
export interface OpenAiToolCall {
  id: string
  type: 'function'
  /** The arguments are JSON of an object, held to the tool's schema where it is `strict` or the call must be made. */
  function: { name: string; arguments: string }
}

/** A part of a call in an event: the first has its id and name, the next its arguments. */
export interface OpenAiToolCallDelta {
  index: number
  id?: string
  type?: 'function'
  function: { name?: string; arguments: string }
}
