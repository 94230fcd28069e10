import { SpillwayError } from '../../../../models/core/index.ts'
import type { TemplateArguments, TextRequest, Tokenizer } from '../types.ts'

/** The refusal of tools that a template does not read. */
export const unreadTools = () =>
  new SpillwayError('not_supported', `The model's chat template leaves out "tools"`, {
    expected: 'no tools: the template does not read them',
    hint: 'Describe them in the text of a message, or use a model whose template reads tools.',
    param: 'tools',
  })

/**
 * The variables of a chat template with the tools as templates read them.
 *
 * @throws SpillwayError `not_supported` where the template does not read tools, or it is not known how the model calls
 * them: its calls would be lost.
 */
export function withTools(
  templateArguments: TemplateArguments | undefined,
  tools: TextRequest['tools'],
  { output, readsVariable }: Pick<Tokenizer, 'output' | 'readsVariable'>,
): TemplateArguments | undefined {
  // Without a template, the chat itself is refused.
  if (!hasTools(tools) || !readsVariable('messages')) return templateArguments
  if (!readsVariable('tools')) throw unreadTools()
  if (!output.tools) {
    throw new SpillwayError('not_supported', 'It is not known how the model calls tools', {
      expected: 'a chat template that shows it, or generation.output.tools in the manifest',
      hint: 'Leave the tools out, or use a model that calls tools as Hermes, Qwen, Llama 3 or Mistral do.',
      param: 'tools',
    })
  }
  const list = Object.entries(tools).map(([name, { description, parameters }]) => ({
    type: 'function',
    function: {
      name,
      ...(description !== undefined && { description }),
      parameters: parameters ?? { type: 'object', properties: {} },
    },
  }))
  return { ...templateArguments, tools: list }
}

/** Whether there is any tool. */
export const hasTools = (tools: TextRequest['tools']): tools is NonNullable<TextRequest['tools']> =>
  tools !== undefined && Object.keys(tools).length > 0
