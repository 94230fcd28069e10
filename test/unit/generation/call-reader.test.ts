import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { callMarkers } from '../../../workers/host/text/parts/call-markers.ts'
import { CallReader } from '../../../workers/host/text/parts/call-reader.ts'
import type { ToolFormat } from '../../../workers/host/text/types.ts'

/** The text and the calls of an answer that comes in these pieces: `name(arguments)`. */
function read(format: ToolFormat, pieces: readonly string[]) {
  const reader = new CallReader(callMarkers[format], (name) => ['weather', 'f'].includes(name))
  const segments = [...pieces.flatMap((piece) => reader.push(piece)), ...reader.end()]
  const calls = segments.filter((segment) => typeof segment !== 'string')
  return {
    text: segments.filter((segment) => typeof segment === 'string').join(''),
    calls: calls.map(({ function: { name, arguments: json } }) => `${name}(${json})`),
    ids: calls.map(({ id }) => id),
  }
}

const cut = (text: string, places: readonly number[]) => {
  const sorted = [0, ...[...places].sort((one, other) => one - other), text.length]
  return sorted.map((place, at) => text.slice(sorted[at - 1] ?? 0, place))
}
const without = <T extends { ids: unknown }>({ ids: _, ...rest }: T) => rest

const call = '{"name": "weather", "arguments": {"at": "sea"}}'
const llama = '{"name": "weather", "parameters": {"at": "sea"}}'
const weather = 'weather({"at":"sea"})'

const cases: readonly [ToolFormat, string, string, { text: string; calls: string[] }][] = [
  ['hermes', 'text alone', 'It is < 3 <tool> \n', { text: 'It is < 3 <tool> \n', calls: [] }],
  ['hermes', 'a call', `<tool_call>\n${call}\n</tool_call>`, { text: '', calls: [weather] }],
  [
    'hermes',
    'text and calls',
    `I look.\n\n<tool_call>${call}</tool_call>\n<tool_call>{"name":"f"}</tool_call>\n`,
    { text: 'I look.', calls: [weather, 'f({})'] },
  ],
  ['hermes', 'text behind a call', `<tool_call>${call}</tool_call>\nSo.`, { text: 'So.', calls: [weather] }],
  [
    'hermes',
    'a marker within a string',
    '<tool_call>{"name":"f","arguments":{"a":"</tool_call> \\" }"}}</tool_call>',
    { text: '', calls: ['f({"a":"</tool_call> \\" }"})'] },
  ],
  [
    'hermes',
    'arguments that are a string',
    '<tool_call>{"name":"f","arguments":"{\\"a\\": 1}"}</tool_call>',
    { text: '', calls: ['f({"a": 1})'] },
  ],
  ['hermes', 'a call without its end', `<tool_call>${call}\n`, { text: '', calls: [weather] }],
  [
    'hermes',
    'a call that breaks off',
    'So\n<tool_call>{"name": "f", "argu',
    { text: 'So\n<tool_call>{"name": "f", "argu', calls: [] },
  ],
  [
    'hermes',
    'a brace that is missing, before a call',
    `<tool_call>{"name":"f","arguments":{"a":1}</tool_call> <tool_call>${call}</tool_call>`,
    { text: '<tool_call>{"name":"f","arguments":{"a":1}</tool_call>', calls: [weather] },
  ],
  [
    'hermes',
    'JSON of another form',
    '<tool_call>{"function":"f"}</tool_call>',
    { text: '<tool_call>{"function":"f"}</tool_call>', calls: [] },
  ],
  [
    'hermes',
    'arguments that are a list',
    '<tool_call>{"name":"f","arguments":[1]}</tool_call>',
    { text: '<tool_call>{"name":"f","arguments":[1]}</tool_call>', calls: [] },
  ],
  [
    'hermes',
    'a marker in a marker',
    `<tool_call><tool_call>${call}</tool_call>`,
    { text: '<tool_call>', calls: [weather] },
  ],
  ['llama3_json', 'text alone', 'It is {"a": 1}', { text: 'It is {"a": 1}', calls: [] }],
  ['llama3_json', 'a call', ` ${llama}`, { text: '', calls: [weather] }],
  [
    'llama3_json',
    'calls with a tag',
    `<|python_tag|>${llama}; ${llama}`,
    { text: '', calls: [weather, weather] },
  ],
  ['llama3_json', 'text behind a call', `${llama}\nSo.`, { text: 'So.', calls: [weather] }],
  [
    'llama3_json',
    'JSON that is no call',
    '{"name": "Ann", "parameters": {}}',
    { text: '{"name": "Ann", "parameters": {}}', calls: [] },
  ],
  ['llama3_json', 'code', '<|python_tag|>f.call(1)', { text: '<|python_tag|>f.call(1)', calls: [] }],
  ['llama3_json', 'spaces', ' \n', { text: ' \n', calls: [] }],
  [
    'mistral',
    'a list of calls',
    `[TOOL_CALLS] [${call}, {"name": "f", "arguments": {}}]`,
    { text: '', calls: [weather, 'f({})'] },
  ],
  ['mistral', 'text before calls', `I look. [TOOL_CALLS][${call}]`, { text: 'I look.', calls: [weather] }],
  [
    'mistral',
    'names before arguments',
    '[TOOL_CALLS]weather[ARGS]{"at": "sea"}[TOOL_CALLS]f{}',
    { text: '', calls: [weather, 'f({})'] },
  ],
  ['mistral', 'an empty list', '[TOOL_CALLS] []', { text: '[TOOL_CALLS] []', calls: [] }],
  [
    'mistral',
    'a list that breaks off',
    `[TOOL_CALLS] [${call}`,
    { text: `[TOOL_CALLS] [${call}`, calls: [] },
  ],
]

describe('an answer', () => {
  test.each(cases)('of %s with %s is read, however it is cut into pieces', (format, _, answer, expected) => {
    expect(without(read(format, [answer]))).toEqual(expected)
    expect(without(read(format, [...answer]))).toEqual(expected)
    fc.assert(
      fc.property(fc.array(fc.nat(answer.length), { maxLength: 6 }), (places) => {
        expect(without(read(format, cut(answer, places)))).toEqual(expected)
      }),
      { numRuns: 30 },
    )
  })

  test.each(['hermes', 'llama3_json', 'mistral'] as const)(
    'of %s loses nothing, whatever it is',
    (format) => {
      const { open, close, tag } = callMarkers[format]
      const fragment = fc.constantFrom(
        open,
        close,
        tag,
        call,
        llama,
        '{',
        '}',
        '"',
        '[',
        ']',
        ' \n',
        'a',
        '\\',
        ';',
        ',',
      )
      fc.assert(
        fc.property(
          fc.array(fragment, { maxLength: 8 }),
          fc.array(fc.nat(300), { maxLength: 5 }),
          (fragments, places) => {
            const answer = fragments.join('')
            const whole = without(read(format, [answer]))
            expect(
              without(
                read(
                  format,
                  cut(
                    answer,
                    places.filter((place) => place < answer.length),
                  ),
                ),
              ),
            ).toEqual(whole)
            if (whole.calls.length === 0) expect(whole.text).toBe(answer)
          },
        ),
        { numRuns: 300 },
      )
    },
  )

  test('has ids as its model’s templates take them', () => {
    expect(read('hermes', [`<tool_call>${call}</tool_call>`]).ids).toEqual([
      expect.stringMatching(/^call_\w{24}$/),
    ])
    expect(read('mistral', [`[TOOL_CALLS][${call},${call}]`]).ids).toEqual([
      expect.stringMatching(/^\w{9}$/),
      expect.stringMatching(/^\w{9}$/),
    ])
  })

  test('gives text and calls as soon as they are certain', () => {
    const reader = new CallReader(callMarkers.hermes, () => true)
    expect(reader.push('I look')).toEqual(['I look'])
    expect(reader.push('. <tool')).toEqual(['.'])
    expect(reader.push('_call>{"name":"f"}')).toEqual([])
    expect(reader.push('</tool_call>')).toMatchObject([{ function: { name: 'f', arguments: '{}' } }])
  })
})
