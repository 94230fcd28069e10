/** Characters of a prompt that decide which replica has read it before. */
const startLength = 1_024

/** Tokens of the same: a token has about four characters. */
const startTokens = startLength / 4

/**
 * The beginning of a request's prompt, by which requests go to the replica that has its keys and values: of a chat the
 * messages up to the first of its user, which stay the same while the chat grows. A request's own `prompt_cache_key`, as
 * OpenAI's API has it, has precedence.
 */
export function promptStartOf({
  prompt_cache_key: key,
  messages,
  prompt,
  input,
  instructions,
}: Readonly<Record<string, unknown>>): string {
  if (typeof key === 'string') return `key ${key.slice(0, startLength)}`
  if (Array.isArray(messages)) return `chat ${startOfChat(messages)}`
  const system = { role: 'system', content: instructions ?? '' }
  // The items of a response's input.
  if (Array.isArray(input) && typeof input[0] === 'object' && !Array.isArray(input[0]))
    return `chat ${startOfChat([system, ...input])}`
  return `text ${startOfText(prompt ?? input)}`
}

function startOfChat(messages: readonly unknown[]): string {
  let start = ''
  for (const message of messages) {
    const { role, content }: { role?: unknown; content?: unknown } = Object(message)
    start += `${role}\n${typeof content === 'string' ? content : JSON.stringify(content)}\n`
    if (role === 'user' || start.length >= startLength) break
  }
  return start.slice(0, startLength)
}

function startOfText(text: unknown): string {
  if (typeof text === 'string') return text.slice(0, startLength)
  if (!Array.isArray(text)) return ''
  return typeof text[0] === 'number' ? text.slice(0, startTokens).join() : startOfText(text[0])
}
