import { describe, expect, test } from 'vitest'
import { readTokenizer } from '../../../workers/host/text/tokenizer/tokenizer.ts'
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
