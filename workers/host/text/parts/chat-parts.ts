import type { OutputForm, ReasoningMarkers, TextRequest, Tokenizer } from '../types.ts'
import { markersOfCalls } from './call-markers.ts'
import { hasTools } from './tools.ts'

export const isChat = ({ messages, isChat }: TextRequest) => messages !== undefined || isChat === true

/** Whether the tools that the model may call hold its answer to their schemas. */
export const isHeldToTools = ({ tools = {}, toolChoice }: TextRequest): boolean =>
  toolChoice === 'required' ||
  typeof toolChoice === 'object' ||
  Object.values(tools).some(({ strict }) => strict === true)

/** The request without tools that the model is not to call. */
export function withCallableTools<R extends TextRequest>(request: R): R {
  if (request.toolChoice !== 'none') return request
  const { tools: _, toolChoice: __, ...rest } = request
  // The fields that are left out are optional.
  return rest as R
}

/** Tokens at the end of a prompt among which a template opens the thought. */
const tailLength = 8

/** The thought at the end of a prompt: some templates open it, or close it as well. */
export function thoughtAt(
  { textOf }: Pick<Tokenizer, 'textOf'>,
  { open, close }: ReasoningMarkers,
  prompt: readonly number[],
): 'none' | 'open' | 'closed' {
  const tail = prompt.slice(-tailLength).map(textOf).join('').trimEnd()
  return tail.endsWith(open) ? 'open' : tail.endsWith(close) ? 'closed' : 'none'
}

/** The special tokens that mark parts of the answer. */
export function markersOf({ output }: Pick<Tokenizer, 'output'>, request: TextRequest): readonly string[] {
  if (!isChat(request)) return []
  return markersOfForm(hasTools(request.tools) ? output : { reasoning: output.reasoning })
}

const markersOfForm = ({ reasoning, tools }: OutputForm): readonly string[] => [
  ...(reasoning ? [reasoning.open, reasoning.close] : []),
  ...(tools ? markersOfCalls(tools) : []),
]

/** The model's markers that are special tokens. */
export const markerTokens = (tokenizer: Tokenizer): readonly number[] =>
  markersOfForm(tokenizer.output).flatMap((marker) =>
    tokenizer
      .encode(marker, false)
      .filter((token) => tokenizer.isSpecial(token) && tokenizer.textOf(token) === marker),
  )
