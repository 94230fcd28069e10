import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { dropTurns, keptMessages } from '../../../workers/host/text/tokenizer/drop-turns.ts'
import type { ChatMessage } from '../../../workers/host/text/types.ts'

const say = (role: ChatMessage['role'], content: string): ChatMessage => ({ role, content })
const system = say('system', 'Be brief.')
/** A call of a tool, its result, and what the model makes of it. */
const called: readonly ChatMessage[] = [
  {
    role: 'assistant',
    content: '',
    tool_calls: [{ id: 'c1', type: 'function', function: { name: 'weather', arguments: '{"at":"sea"}' } }],
  },
  { role: 'tool', content: 'stormy', tool_call_id: 'c1' },
  say('assistant', 'It is stormy.'),
]

/** Four bytes of text a token, and two tokens that a template puts around each message. */
const tokensOf = (messages: readonly ChatMessage[]): number[] =>
  messages.flatMap(({ content, tool_calls: calls = [] }) =>
    Array.from({ length: Math.ceil(`${content}${JSON.stringify(calls)}`.length / 4) + 2 }, () => 7),
  )

function drop(messages: readonly ChatMessage[], promptLength: number, contextLength = promptLength) {
  const reads: (readonly ChatMessage[])[] = []
  const chat = (kept: readonly ChatMessage[]) => {
    reads.push(kept)
    return tokensOf(kept)
  }
  const tokenizer = { chat, encode: (content: string) => tokensOf([say('user', content)]) }
  const { droppedMessages, tokens } = dropTurns(messages, { contextLength, promptLength }, tokenizer)
  const first = messages.findIndex(({ role }) => role !== 'system' && role !== 'developer')
  const head = first === -1 ? messages.length : first
  const kept = [...messages.slice(0, head), ...messages.slice(head + droppedMessages)]
  expect(tokens).toEqual(tokensOf(kept))
  return { droppedMessages, kept, reads }
}

const turn = (at: number, length: number): ChatMessage[] => [
  say('user', `${at}?`.padEnd(length, 'a')),
  say('assistant', `${at}!`.padEnd(length, 'b')),
]
const turns = (count: number, length = 76) =>
  Array.from({ length: count }, (_, at) => turn(at, length)).flat()

describe('the oldest turns of a chat', () => {
  test('stay where they fit, and the chat is read once', () => {
    const messages = [system, ...turns(3)]
    const { droppedMessages, reads } = drop(messages, tokensOf(messages).length)
    expect(droppedMessages).toBe(0)
    expect(reads).toEqual([messages])
  })

  test('go as wholes, after the system’s messages: calls of tools with their results', () => {
    const messages = [
      system,
      say('developer', 'Speak English.'),
      say('user', 'How is it?'),
      ...called,
      say('user', 'And now?'),
    ]
    const { kept } = drop(messages, tokensOf(messages).length - 1)
    expect(kept).toEqual([system, say('developer', 'Speak English.'), say('user', 'And now?')])
  })

  test('do not go for the last one, whose calls of tools are not answered yet', () => {
    const last = [say('user', 'Look at this.'), say('user', 'How is it?'), ...called.slice(0, 2)]
    const messages = [system, ...turns(2), ...last]
    expect(drop(messages, 1).kept).toEqual([system, ...last])
    expect(keptMessages(messages)).toEqual([system, ...last])
  })

  test('are those that a chat has, whoever begins it', () => {
    const greeting = say('assistant', 'Hello, what can I do for you?')
    expect(drop([greeting, say('user', 'Tell me a tale.')], 10).kept).toEqual([
      say('user', 'Tell me a tale.'),
    ])
    for (const only of [[system], [greeting], [say('user', 'a'.repeat(90))]])
      expect(drop(only, 1)).toMatchObject({ droppedMessages: 0, kept: only })
  })

  test('go with what the system says between them', () => {
    const messages = [
      system,
      ...turns(1),
      say('system', 'From now on in French.'),
      ...turns(1),
      say('user', 'So?'),
    ]
    expect(drop(messages, 20).kept).toEqual([system, say('user', 'So?')])
  })

  test('go a quarter of the context at a time: the next prompts begin alike', () => {
    const context = 1_000
    const cuts = Array.from({ length: 60 }, (_, count) => {
      const messages = [system, ...turns(count + 1)]
      return drop(messages, 900, context).droppedMessages
    })
    const moves = cuts.filter((cut, at) => cut !== (cuts[at - 1] ?? 0))
    // A turn has 42 to 44 tokens: about six of them are a quarter.
    expect(moves.length).toBeLessThan(8)
    expect(cuts.at(-1)).toBeGreaterThan(2 * 60 - 2 * 21)
    expect(cuts.at(-1)).toBeLessThan(2 * 60 - 2 * 13)
  })

  test('go by tokens, in any language', () => {
    const spoken = (letter: string) =>
      Array.from({ length: 40 }, () => [
        say('user', letter.repeat(20)),
        say('assistant', letter.repeat(20)),
      ]).flat()
    const cutOf = (letter: string) => {
      const encode = (text: string) => [...text].map(() => 7)
      const chat = (kept: readonly ChatMessage[]) => kept.flatMap(({ content }) => encode(content))
      const room = { contextLength: 1_000, promptLength: 900 }
      return dropTurns(spoken(letter), room, { chat, encode }).droppedMessages
    }
    expect([cutOf('a'), cutOf('ä'), cutOf('ぬ'), cutOf('🦊')]).toEqual([38, 38, 38, 38])
  })

  test('are as few as have to go, however they are sized, and little more than what fits is read', () => {
    const message = fc.record({
      role: fc.constantFrom('user', 'assistant', 'tool', 'system' as const),
      content: fc.string({ maxLength: 300 }),
    })
    fc.assert(
      fc.property(
        fc.array(message, { minLength: 1, maxLength: 60 }),
        fc.nat(600),
        (messages, promptLength) => {
          const { kept, droppedMessages, reads } = drop(messages, promptLength, 600)
          const must = keptMessages(messages)
          expect(kept).toEqual(expect.arrayContaining([...must]))
          if (tokensOf(kept).length > promptLength) expect(kept).toEqual(must)
          if (tokensOf(messages).length <= promptLength) expect(droppedMessages).toBe(0)
          expect(reads.length).toBeLessThan(12)
        },
      ),
    )
  })

  test('of a chat that has become very long are not read', () => {
    const messages = turns(4_000, 400)
    const { reads } = drop(messages, 3_000, 4_000)
    expect(Math.max(...reads.map((kept) => tokensOf(kept).length))).toBeLessThan(5_000)
    expect(reads.length).toBeLessThan(4)
  })
})
