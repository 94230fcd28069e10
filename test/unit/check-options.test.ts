import { expect, test } from 'vitest'
import {
  checkKey,
  checkModelOptions,
  checkRunOptions,
  checkRuntimeOptions,
} from '../../web/api/check-options.ts'
import { checkTextRequest } from '../../workers/host/text/check-request.ts'

// As pages in plain JavaScript may call them: with names of other APIs, of earlier versions, or misspelled.
test.each<[string, () => void, string]>([
  ['createRuntime()', () => checkRuntimeOptions({ threads: 4 } as object), '"threads"'],
  ['createRuntime()', () => checkRuntimeOptions({ hedge: true } as object), '"hedge"'],
  ['the hub', () => checkRuntimeOptions({ hub: { accessToken: 'hf_' } as object }), '"accessToken"'],
  ['a model', () => checkModelOptions({ progress: () => {} } as object), '"progress"'],
  ['a request', () => checkRunOptions({ timeout: 5 } as object), '"timeout"'],
  ['a text', () => checkTextRequest({ prompt: 'a', max_tokens: 5 } as { prompt: string }), '"max_tokens"'],
  ['a text', () => checkTextRequest({ prompt: 'a', functions: [] } as { prompt: string }), '"functions"'],
])('an option that %s does not have is refused', (_, check, name) => {
  expect(check).toThrow(expect.objectContaining({ code: 'input_name_invalid' }))
  expect(check).toThrow(`has no option ${name}: expected `)
})

test('the address of a hub is absolute', () => {
  expect(() => checkRuntimeOptions({ hub: { endpoint: 'nowhere' } })).toThrow(
    expect.objectContaining({
      code: 'input_value_invalid',
      message: expect.stringContaining('hub.endpoint'),
    }),
  )
  expect(() => checkRuntimeOptions({ hub: { endpoint: new URL('https://mirror.example') } })).not.toThrow()
})

test('known options are taken, and undefined ones are absent', () => {
  const signal = new AbortController().signal
  const absent = { nothing: undefined }
  expect(() => {
    checkRuntimeOptions({
      server: null,
      models: '/m/',
      hub: { token: 't' },
      policy: 'auto',
      maxLanes: 1,
      maxQueued: 9,
      memoryBytes: 2 ** 31,
      traceparent: () => undefined,
    })
    checkRuntimeOptions(absent as object)
    checkModelOptions({ signal, onProgress: () => {}, adapter: 'sea' })
    checkRunOptions({ signal, deadlineMs: 5, policy: 'device', priority: 'high', ...absent })
    checkTextRequest({ prompt: 'a', maxTokens: 5, seed: 7, stop: ['b'] })
  }).not.toThrow()
})

test('a key for servers is refused in a page, without quoting it', () => {
  expect(checkKey('pk_public')).toBe('pk_public')
  for (const key of ['sk_secret', 'secret', 7]) {
    expect(() => checkKey(key)).toThrow('key is no key for pages')
    expect(() => checkKey(key)).not.toThrow(String(key))
  }
  expect(() => checkKey('sk_x')).toThrow('replace a key for servers')
})
