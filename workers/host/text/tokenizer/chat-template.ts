import { Template } from '@huggingface/jinja'
import { SpillwayError } from '../../../../models/core/index.ts'
import { unreadTools } from '../parts/tools.ts'
import type { ChatMessage, TemplateArguments } from '../types.ts'
import { type ChatForm, chatForms, plainForms, toTemplateMessage } from './chat-form.ts'
import { leftOutOf, type MarkedChat, markChat } from './chat-markers.ts'

export type RenderChat = (messages: readonly ChatMessage[], templateArguments?: TemplateArguments) => string

/** A model's templates. */
export interface TemplateSources {
  readonly template?: string | undefined
  readonly toolTemplate?: string | undefined
}

/** A text of so many characters is not found in a prompt by chance. */
const tellingLength = 16

/**
 * Renders chats with a model's template. The template is parsed at the first chat, and the form of content that it reads
 * is found then: the one in which a user's text comes through. For a chat with tools the form is found each time, because
 * templates branch by them.
 *
 * @param sources The model's Jinja template, where it has one, and the one for chats with tools, where that is another.
 * @param specialTokens Tokens that a template may name: `bos_token` and the like.
 * @returns A function that throws as `Tokenizer.chat` does.
 */
export function createChatTemplate(
  { template, toolTemplate }: TemplateSources,
  specialTokens: Readonly<Record<string, string>>,
): RenderChat {
  const render = createRenderer(template, specialTokens)
  const renderTools = toolTemplate === undefined ? render : createRenderer(toolTemplate, specialTokens)
  return (messages, templateArguments) => {
    if (templateArguments?.tools === undefined) return render(messages, templateArguments)
    const rendered = renderTools(messages, templateArguments)
    if (renderedWithoutTools(renderTools, messages, templateArguments) === rendered) throw unreadTools()
    return rendered
  }
}

/** Nothing where the template needs tools. */
function renderedWithoutTools(
  render: RenderChat,
  messages: readonly ChatMessage[],
  { tools: _, ...templateArguments }: TemplateArguments,
): string | undefined {
  try {
    return render(messages, templateArguments)
  } catch {
    return undefined
  }
}

function createRenderer(
  source: string | undefined,
  specialTokens: Readonly<Record<string, string>>,
): RenderChat {
  let template: Template | undefined
  let plainForm: ChatForm | undefined

  return (messages, templateArguments) => {
    template ??= parse(source)
    const parsed = template
    const render = (messages: readonly ChatMessage[], form: ChatForm) =>
      parsed.render({
        ...specialTokens,
        add_generation_prompt: true,
        ...templateArguments,
        messages: messages.map((message, index) => toTemplateMessage(message, form, `messages[${index}]`)),
      })
    let marked: MarkedChat | undefined
    /** Paths of the texts that do not come through in a form; undefined where the template throws. */
    const leftOut = (form: ChatForm): readonly string[] | undefined => {
      try {
        marked ??= markChat(messages)
        return leftOutOf(marked, render(marked.messages, form))
      } catch {
        return undefined
      }
    }
    const findForm = (forms: readonly ChatForm[], mayLeaveOut = (_path: string) => false) =>
      forms.find((form) => leftOut(form)?.every(mayLeaveOut))

    const asked = messages.findLast(({ role }) => role === 'user')?.content.trim()
    if (messages.some(usesTools)) {
      const form = findForm(chatForms) ?? findForm(chatForms, isOfCall)
      const rendered = tryRender(() => render(messages, form ?? chatForms[0]))
      const paths = form ? [] : (chatForms.map(leftOut).find((paths) => paths) ?? [])
      const lost = paths.find((path) => !isOfCall(path))
      if (lost !== undefined) throw leftOutError(lost, messages)
      return rendered
    }
    if (asked !== undefined) plainForm ??= findForm(plainForms)
    const form = plainForm ?? plainForms[0]
    const rendered = tryRender(() => render(messages, form))
    // A template may change a text (escape it, cut a command out of it), but not leave out any text there is.
    if (asked && !(asked.length >= tellingLength && rendered.includes(asked))) {
      const [lost] = leftOut(form) ?? []
      if (lost !== undefined) throw leftOutError(lost, messages)
    }
    return rendered
  }
}

/**
 * A template without tools leaves calls out, as with other servers: the model was never to read them. Texts and results
 * are what was said.
 */
const isOfCall = (path: string) => path.includes('.tool_calls[')

const usesTools = ({ role, tool_calls: calls }: ChatMessage) => role === 'tool' || calls !== undefined

function leftOutError(path: string, messages: readonly ChatMessage[]): SpillwayError {
  const index = Number(/\d+/.exec(path)?.[0])
  const message = messages[index]
  if (message?.role === 'user') {
    return new SpillwayError('request_malformed', "The model's chat template leaves out the user's text", {
      expected: 'messages whose text the template reads',
      got: messages.map(({ role }) => role).join(', '),
      hint: 'Order the messages as the model expects them, or pass a prompt in place of messages.',
      param: path,
    })
  }
  return new SpillwayError('not_supported', `The model's chat template leaves out ${path}`, {
    expected:
      message?.role === 'tool'
        ? 'no results of tools: the template does not read them'
        : 'no text beside a call of a tool: the template does not read it',
    hint: 'Say it in the text of a message, or use a model whose template reads tools.',
    param: path,
  })
}

function parse(source: string | undefined): Template {
  if (source === undefined) {
    throw new SpillwayError('not_supported', 'The model has no chat template', {
      hint: 'Pass a prompt in place of messages.',
      param: 'messages',
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
