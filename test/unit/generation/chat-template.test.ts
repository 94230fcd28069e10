import { describe, expect, test } from 'vitest'
import { createChatTemplate } from '../../../workers/host/text/tokenizer/chat-template.ts'
import { readTokenizer } from '../../../workers/host/text/tokenizer/tokenizer.ts'
import type { ChatMessage } from '../../../workers/host/text/types.ts'
import {
  byteFallbackFile,
  createByteFallbackTokenizer,
  tokenizerFiles,
} from '../../support/byte-fallback-tokenizer.ts'

describe('a chat', () => {
  const messages = [{ role: 'user', content: 'ab' }] as const
  const withTemplate = (chat_template: unknown) =>
    createByteFallbackTokenizer({ chat_template, bos_token: { content: '<s>' } })

  test.each([
    ['one template', "{{ bos_token }}{% for m in messages %}{{ m['content'] }}{% endfor %}"],
    [
      'templates by name',
      [
        { name: 'tool_use', template: '-' },
        { name: 'default', template: '{{ bos_token }}{{ messages[0].content }}' },
      ],
    ],
  ])('is rendered by %s', (_, template) => {
    const tokenizer = withTemplate(template)
    expect(tokenizer.chat(messages)).toEqual([0, ...tokenizer.encode('ab', false)])
  })

  test('is rendered by chat_template.jinja in preference to the configuration', () => {
    const files = tokenizerFiles({
      'tokenizer.json': byteFallbackFile,
      'tokenizer_config.json': { chat_template: 'old' },
      'chat_template.jinja': '{% if add_generation_prompt %}{{ messages[0].content }}{% endif %}',
    })
    const tokenizer = readTokenizer(files, [])
    expect(tokenizer.chat(messages)).toEqual(tokenizer.encode('ab', false))
  })

  test.each([
    [
      'rejects the messages',
      "{{ raise_exception('Roles must alternate') }}",
      'request_malformed',
      'alternate',
    ],
    ['calls an undefined function', '{{ nothing.at.all() }}', 'request_malformed', 'template'],
    ['is not valid', '{% for %}', 'model_invalid', 'Jinja'],
    ['is missing', undefined, 'not_supported', 'Pass a prompt'],
  ])('fails clearly where the template %s', (_, template, code, message) => {
    const chat = () => withTemplate(template).chat(messages)
    expect(chat).toThrow(expect.objectContaining({ code }))
    expect(chat).toThrow(message)
  })
})

describe('a chat with tools', () => {
  const call = (name: string, json: string, id = `call_${name}`) =>
    ({ id, type: 'function', function: { name, arguments: json } }) as const
  const history: readonly ChatMessage[] = [
    { role: 'user', content: 'How is it at sea?' },
    { role: 'assistant', content: '', tool_calls: [call('weather', '{"at":"sea","days":[1,2]}')] },
    { role: 'tool', content: 'stormy', tool_call_id: 'call_weather' },
  ]
  const plain = '{% for m in messages %}{{ m.content }}|{% endfor %}'
  /** A template that writes calls with `written`, which sees the function as `f`. */
  const writing = (written: string) =>
    `{% for m in messages %}{% if m.tool_calls is defined %}{% for c in m.tool_calls %}{% set f = c.function %}${written}{% endfor %}{% else %}{{ m.content }}{% endif %}|{% endfor %}`
  const parts =
    '{% for m in messages %}{% for p in m.content %}{{ p.text }}{% endfor %}{% if m.tool_calls %}{{ m.tool_calls | tojson }}{% endif %}|{% endfor %}'
  const render = (template: string, messages = history) => createChatTemplate({ template }, {})(messages)
  const refusal = (template: string, messages = history) => {
    try {
      return expect.fail(`The template rendered ${render(template, messages)}`)
    } catch (cause) {
      return cause
    }
  }

  test.each([
    [
      'writes arguments as JSON',
      '{{ f.name }}({{ f.arguments | tojson }})',
      'weather({"at": "sea", "days": [1, 2]})',
    ],
    [
      'lists arguments',
      '{{ f.name }}{% for k, v in f.arguments.items() %} {{ k }}={{ v }}{% endfor %}',
      'weather at=sea days=[1, 2]',
    ],
    [
      'joins the arguments’ string',
      "{{ f.name + '(' + f.arguments + ')' }}",
      'weather({"at":"sea","days":[1,2]})',
    ],
    [
      'takes either',
      '{{ f.name }}({% if f.arguments is string %}{{ f.arguments }}{% else %}{{ f.arguments | tojson }}{% endif %})',
      'weather({"at": "sea", "days": [1, 2]})',
    ],
  ])('reaches a template that %s', (_, written, expected) => {
    expect(render(writing(written))).toBe(`How is it at sea?|${expected}|stormy|`)
  })

  test('reaches a template that reads content in parts', () => {
    expect(render(parts)).toBe(
      'How is it at sea?|[{"id": "call_weather", "type": "function", "function": {"name": "weather", "arguments": {"at": "sea", "days": [1, 2]}}}]|stormy|',
    )
  })

  test('reaches a template that names functions by the calls’ ids', () => {
    const template = writing('{{ c.id }}({{ f.arguments | tojson }})')
    const [asked, , result] = history as [ChatMessage, ChatMessage, ChatMessage]
    const called = (id: string): readonly ChatMessage[] => [
      asked,
      { role: 'assistant', content: '', tool_calls: [call('weather', '', id)] },
      result,
    ]
    expect(render(template, called('functions.weather:0'))).toContain('functions.weather:0({})')
    expect(render(template, called('call_1'))).toContain('call_1({})')
  })

  test('is told which call a result answers', () => {
    const template = writing('{{ f.name }}{{ f.arguments | tojson }}').replace(
      '{{ m.content }}',
      "{{ m.content }}{{ m.tool_call_id or '' }}",
    )
    expect(render(template)).toMatch(/\|stormycall_weather\|$/)
  })

  test('is left out by a template without tools, which keeps what was said', () => {
    expect(render(plain)).toBe('How is it at sea?||stormy|')
    expect(render(writing('{{ f.name }}'))).toBe('How is it at sea?|weather|stormy|')
  })

  test('is refused where the template leaves out a result, or the text beside a call', () => {
    const beside: readonly ChatMessage[] = [
      { role: 'user', content: 'How is it at sea?' },
      { role: 'assistant', content: 'I look.', tool_calls: [call('weather', '{}')] },
    ]
    const noResults =
      '{% for m in messages %}{% if m.role != "tool" %}{{ m.content }}{{ m.tool_calls | tojson if m.tool_calls }}{% endif %}{% endfor %}'
    for (const [template, messages, param] of [
      [noResults, history, 'messages[2].content'],
      [writing('{{ f.name }}{{ f.arguments | tojson }}'), beside, 'messages[1].content'],
    ] as const) {
      const error = refusal(template, messages)
      expect(error).toMatchObject({ code: 'not_supported', detail: { param } })
      expect(String(error)).toContain(param)
    }
  })

  test('is refused for arguments that are no object, or that reading would change', () => {
    const template = writing('{{ f.name }}({{ f.arguments | tojson }})')
    for (const json of [
      '{',
      '[]',
      'null',
      '"sea"',
      '{"id":9007199254740993}',
      `{"a":${'['.repeat(70)}${']'.repeat(70)}}`,
    ]) {
      const messages = [
        history[0],
        { role: 'assistant', content: '', tool_calls: [call('f', json)] },
      ] as ChatMessage[]
      expect(refusal(template, messages)).toMatchObject({
        code: 'request_malformed',
        detail: { param: 'messages[1].tool_calls[0].function.arguments' },
      })
    }
  })
})

test('line ends after blocks are dropped, as in transformers', () => {
  // Jinja with trim_blocks and lstrip_blocks gives the same.
  const render = (template: string) => createChatTemplate({ template }, {})([{ role: 'user', content: 'a' }])
  expect(render('{% for m in messages %}<{{ m.role }}> {{ m.content }}\n{% endfor %}')).toBe('<user> a\n')
  expect(
    render(
      '{% for m in messages %}<{{ m.role }}> {% for c in m.content %}{{ c.text }}{% endfor %}\n{% endfor %}',
    ),
  ).toBe('<user> a')
})
