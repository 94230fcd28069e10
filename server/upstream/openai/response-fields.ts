type Fields = Readonly<Record<string, unknown>>

/** The events after which a response has none: it has no `[DONE]`. */
const lastEvents: readonly unknown[] = ['response.completed', 'response.incomplete']

/** Whether the object is a response, or an event of one, and none of a chat or a completion. */
export const isOfResponse = ({ object, type }: Fields): boolean =>
  object === 'response' || (typeof type === 'string' && type.startsWith('response.'))

/** Whether a response's stream has ended with this event. */
export const isLastEvent = ({ type }: Fields): boolean => lastEvents.includes(type)

/** The error in an event of a response; undefined in others. */
export function errorOfResponse(event: Fields): unknown {
  if (event.type === 'error') return event
  if (event.type !== 'response.failed') return undefined
  const { error }: Fields = Object(event.response)
  return error ?? {}
}

/**
 * A response, or an event of one, with the fields that a completion has: what is counted of both.
 *
 * @param event A whole response, or an event that may have one in `response`.
 */
export function asCompletion(event: Fields): Fields {
  if (event.type === 'response.output_text.delta')
    return { choices: [{ index: 0, delta: { content: event.delta } }] }
  if (event.object !== 'response' && !isLastEvent(event)) return {}
  const { status, usage }: Fields = Object(event.response ?? event)
  const { input_tokens: prompt, output_tokens: completion }: Fields = Object(usage)
  return {
    choices: [{ index: 0, finish_reason: status === 'incomplete' ? 'length' : 'stop' }],
    usage: { prompt_tokens: prompt, completion_tokens: completion },
  }
}
