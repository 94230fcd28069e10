import { SpillwayError } from '../../../../models/core/index.ts'
import { withTools } from '../parts/tools.ts'
import type { TemplateArguments, Tokenizer } from '../types.ts'
import type { RequestedText } from './text-requests.ts'

/**
 * The variables of the chat template for a request, its tools among them. An effort goes by the variable that the template reads. Without one,
 * `none` changes nothing: such a model does not think.
 *
 * @throws SpillwayError `not_supported` for an effort that the template does not read, else as `withTools`.
 */
export function templateArgumentsOf(
  text: Pick<RequestedText, 'templateArguments' | 'reasoningEffort'> & {
    readonly options: Pick<RequestedText['options'], 'tools'>
  },
  tokenizer: Pick<Tokenizer, 'readsVariable' | 'output'>,
): TemplateArguments | undefined {
  return withTools(withEffort(text, tokenizer), text.options.tools, tokenizer)
}

function withEffort(
  { templateArguments, reasoningEffort }: Pick<RequestedText, 'templateArguments' | 'reasoningEffort'>,
  { readsVariable }: Pick<Tokenizer, 'readsVariable'>,
): TemplateArguments | undefined {
  if (!reasoningEffort) return templateArguments
  const { effort, param } = reasoningEffort
  if (effort === 'none' && readsVariable('enable_thinking'))
    return { enable_thinking: false, ...templateArguments }
  if (readsVariable('reasoning_effort')) return { reasoning_effort: effort, ...templateArguments }
  if (effort === 'none') return templateArguments
  throw new SpillwayError('not_supported', `The model's chat template reads no effort`, {
    expected: `no ${param}, or "none"`,
    got: `"${effort}"`,
    hint: 'Leave the field out. chat_template_kwargs hands other variables to the template.',
    param,
  })
}
