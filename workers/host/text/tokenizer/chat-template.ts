import { Template } from '@huggingface/jinja'
import { SpillwayError } from '../../../../models/core/index.ts'
import type { ChatMessage, TemplateArguments } from '../types.ts'

export type RenderChat = (messages: readonly ChatMessage[], templateArguments?: TemplateArguments) => string

/**
 * The form of a message's content that a template reads. Templates of models that see pictures, too, read a list of
 * parts; one that gets the other form often drops the text without a word.
 */
type ContentForm = 'string' | 'parts'

const contentAs = {
  string: (content: string) => content,
  parts: (content: string) => [{ type: 'text', text: content }],
} as const satisfies Record<ContentForm, (content: string) => unknown>

/** Text that no template has of its own. */
const marker = 'spillway7marker'

/** A text of so many characters is not found in a prompt by chance. */
const tellingLength = 16

/**
 * Renders chats with a model's template. The template is parsed at the first chat, and the form of content that it reads
 * is found then: the one in which a user's text comes through.
 *
 * @param source The model's Jinja template, where it has one.
 * @param specialTokens Tokens that a template may name: `bos_token` and the like.
 * @returns A function that throws as `Tokenizer.chat` does.
 */
export function createChatTemplate(
  source: string | undefined,
  specialTokens: Readonly<Record<string, string>>,
): RenderChat {
  let template: Template | undefined
  let form: ContentForm | undefined

  return (messages, templateArguments) => {
    template ??= parse(source)
    const parsed = template
    const render = (messages: readonly ChatMessage[], form: ContentForm) =>
      parsed.render({
        ...specialTokens,
        add_generation_prompt: true,
        ...templateArguments,
        messages: messages.map(({ role, content }) => ({ role, content: contentAs[form](content) })),
      })
    /** Whether the text of the last user comes through; undefined where there is none, or the template throws. */
    const showsUser = (form: ContentForm): boolean | undefined => {
      const last = messages.findLastIndex(({ role }) => role === 'user')
      if (last < 0) return undefined
      const marked = messages.map((message, index) =>
        index === last ? { ...message, content: marker } : message,
      )
      try {
        return render(marked, form).includes(marker)
      } catch {
        return undefined
      }
    }

    form ??= showsUser('string') ? 'string' : showsUser('parts') ? 'parts' : undefined
    const rendered = tryRender(() => render(messages, form ?? 'string'))
    const asked = messages.findLast(({ role }) => role === 'user')?.content.trim() ?? ''
    const isThere = asked.length >= tellingLength && rendered.includes(asked)
    // A template may change a text (escape it, cut a command out of it), but not leave out any text there is.
    if (asked !== '' && !isThere && showsUser(form ?? 'string') === false) {
      throw new SpillwayError('request_malformed', "The model's chat template leaves out the user's text", {
        expected: 'messages whose text the template reads',
        got: messages.map(({ role }) => role).join(', '),
        hint: 'Order the messages as the model expects them, or pass a prompt in place of messages.',
      })
    }
    return rendered
  }
}

function parse(source: string | undefined): Template {
  if (source === undefined) {
    throw new SpillwayError('not_supported', 'The model has no chat template', {
      hint: 'Pass a prompt in place of messages.',
    })
  }
  try {
    return new Template(source)
  } catch (cause) {
    throw SpillwayError.from(
      cause,
      'model_invalid',
      "The model's chat template is not a valid Jinja template",
    )
  }
}

function tryRender(render: () => string): string {
  try {
    return render()
  } catch (cause) {
    throw SpillwayError.from(cause, 'request_malformed', "The model's chat template rejects the messages")
  }
}
