import type { ChatMessage, ToolCall } from '../types.ts'

/** A chat with markers in place of the texts that a template must not leave out. */
export interface MarkedChat {
  readonly messages: readonly ChatMessage[]
  /** The path of the text that each marker stands for: `messages[1].tool_calls[0].function.name`. */
  readonly paths: ReadonlyMap<string, string>
}

/** Marks the last user's text and all of tools: calls, the text beside them, and results. */
export function markChat(messages: readonly ChatMessage[]): MarkedChat {
  const paths = new Map<string, string>()
  const mark = (path: string) => {
    // The letter at the end keeps a marker from being the start of another one.
    const marker = `spillway7marker${paths.size}x`
    paths.set(marker, path)
    return marker
  }
  const markCall = (call: ToolCall, path: string): ToolCall => {
    const { name } = call.function
    const marker = mark(`${path}.function.name`)
    return {
      ...call,
      // Templates whose ids hold the function's name write the id in its place.
      ...(call.id === undefined ? {} : { id: name === '' ? call.id : call.id.replaceAll(name, marker) }),
      function: {
        name: marker,
        arguments: JSON.stringify({ text: mark(`${path}.function.arguments`) }),
      },
    }
  }
  const lastUser = messages.findLastIndex(({ role }) => role === 'user')
  const marked = messages.map((message, index) => {
    const path = `messages[${index}]`
    const calls = message.tool_calls?.map((call, at) => markCall(call, `${path}.tool_calls[${at}]`))
    const isMarked = index === lastUser || message.role === 'tool' || (calls && message.content !== '')
    return {
      ...message,
      ...(isMarked ? { content: mark(`${path}.content`) } : {}),
      ...(calls ? { tool_calls: calls } : {}),
    }
  })
  return { messages: marked, paths }
}

/** The paths of the texts whose markers are not in a rendered chat. */
export const leftOutOf = ({ paths }: MarkedChat, rendered: string): string[] =>
  [...paths].filter(([marker]) => !rendered.includes(marker)).map(([, path]) => path)
