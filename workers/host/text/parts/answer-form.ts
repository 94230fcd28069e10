import type { AnswerForm } from '../../../protocol/answer-form.ts'
import type { TextRequest, Tokenizer } from '../types.ts'
import { possibleCalls, requiredCalls } from './call-grammars.ts'
import { isChat, isHeldToTools, thoughtAt } from './chat-parts.ts'
import { hasTools } from './tools.ts'

/** White space between a thought and the answer. */
const space: AnswerForm = { type: 'regex', regex: '\\s{0,8}' }

/**
 * The form that an answer is held to: that of the request, or calls of its tools. A thought before it is free. Undefined
 * where the answer is free.
 *
 * @param prompt The tokens before the answer.
 */
export function answerFormOf(
  tokenizer: Pick<Tokenizer, 'output' | 'textOf'>,
  request: TextRequest,
  prompt: readonly number[],
): AnswerForm | undefined {
  const form = formOf(tokenizer, request)
  const { reasoning } = tokenizer.output
  if (!form || !reasoning || !isChat(request)) return form
  const thought = thoughtAt(tokenizer, reasoning, prompt)
  if (thought === 'closed') return form
  const isOpen = thought === 'open'
  const { open, close } = reasoning
  const thoughtful: AnswerForm = {
    type: 'sequence',
    elements: [
      { type: 'tag', begin: isOpen ? '' : open, content: { type: 'any_text' }, end: close },
      space,
      form,
    ],
  }
  return isOpen ? thoughtful : { type: 'or', elements: [thoughtful, form] }
}

function formOf({ output }: Pick<Tokenizer, 'output'>, request: TextRequest): AnswerForm | undefined {
  const { format, tools, toolChoice } = request
  if (!output.tools || !hasTools(tools)) return format
  if (toolChoice === 'required' || typeof toolChoice === 'object') return requiredCalls(output.tools, request)
  if (format || isHeldToTools(request)) return possibleCalls(output.tools, { ...request, tools }, format)
  return undefined
}
