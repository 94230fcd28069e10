import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { describe, expect, test } from 'vitest'
import { readConfig } from '../../server/config.ts'

const guide = readFileSync(new URL('../../server/README.md', import.meta.url), 'utf8')

/** A valid value of each variable that is not its default, and what it changes. */
const settings = {
  PORT: ['9000', { port: 9000 }],
  HOST: ['0.0.0.0', { host: '0.0.0.0' }],
  SPILLWAY_ADMIN_PORT: ['9100', { adminPort: 9_100 }],
  SPILLWAY_ADMIN_HOST: ['0.0.0.0', { adminHost: '0.0.0.0' }],
  SPILLWAY_OPEN: ['1', { isOpen: true }],
  SPILLWAY_KEYS: ['keys.json', { keysFile: 'keys.json' }],
  SPILLWAY_TOKEN_SECRET: ['x'.repeat(32), { tokenSecret: 'x'.repeat(32) }],
  SPILLWAY_TOKEN_SECONDS: ['60', { tokenSeconds: 60 }],
  SPILLWAY_ORIGINS: [
    'https://a.example, http://b.example:8000',
    { origins: ['https://a.example', 'http://b.example:8000'] },
  ],
  SPILLWAY_KEY_REQUESTS_PER_MINUTE: ['7', { limits: { key: { requestsPerMinute: 7 } } }],
  SPILLWAY_KEY_ROWS_PER_MINUTE: ['7', { limits: { key: { rowsPerMinute: 7 } } }],
  SPILLWAY_KEY_TOKENS_PER_MINUTE: ['7', { limits: { key: { tokensPerMinute: 7 } } }],
  SPILLWAY_KEY_CONCURRENT_REQUESTS: ['7', { limits: { key: { concurrentRequests: 7 } } }],
  SPILLWAY_ADDRESS_REQUESTS_PER_MINUTE: ['7', { limits: { address: { requestsPerMinute: 7 } } }],
  SPILLWAY_ADDRESS_ROWS_PER_MINUTE: ['7', { limits: { address: { rowsPerMinute: 7 } } }],
  SPILLWAY_ADDRESS_TOKENS_PER_MINUTE: ['7', { limits: { address: { tokensPerMinute: 7 } } }],
  SPILLWAY_ADDRESS_CONCURRENT_REQUESTS: ['7', { limits: { address: { concurrentRequests: 7 } } }],
  REDIS_URL: ['redis://localhost:6379', { redisUrl: 'redis://localhost:6379' }],
  SPILLWAY_BACKEND: ['webgpu', { backend: 'webgpu' }],
  SPILLWAY_MODELS: ['one:two', { modelFolders: [resolve('one'), resolve('two')] }],
  SPILLWAY_KEEP_ALIVE_SECONDS: ['5', { keepAliveMs: 5_000 }],
  SPILLWAY_LOAD_SECONDS: ['7', { laneLimits: { loadMs: 7_000 } }],
  SPILLWAY_WARM_UP_SECONDS: ['7', { laneLimits: { warmUpMs: 7_000 } }],
  SPILLWAY_RUN_SECONDS: ['7', { laneLimits: { runMs: 7_000 } }],
  SPILLWAY_HUNG_SECONDS: ['9', { laneLimits: { hungMs: 9_000 } }],
  SPILLWAY_MAX_BODY_BYTES: ['1000', { maxBodyBytes: 1_000 }],
  SPILLWAY_CALLER_ADDRESS_HEADER: ['x-forwarded-for', { callerAddressHeader: 'x-forwarded-for' }],
  SPILLWAY_UPLOAD_SECONDS: ['20', { uploadMs: 20_000 }],
  SPILLWAY_TASK_SECONDS: ['20', { taskMs: 20_000 }],
  SPILLWAY_TIMEOUT_SECONDS: ['20', { requestLimits: { timeoutMs: 20_000 } }],
  SPILLWAY_MAX_TIMEOUT_SECONDS: ['60', { requestLimits: { maxTimeoutMs: 60_000 } }],
  SPILLWAY_MEMORY_BYTES: ['1000', { memoryBytes: 1_000 }],
  SPILLWAY_MAX_TASK_BYTES: ['1000', { maxOffloadBytes: 1_000 }],
  SPILLWAY_MAX_JSON_DEPTH: ['20', { requestLimits: { json: { depth: 20 } } }],
  SPILLWAY_MAX_JSON_ENTRIES: ['20', { requestLimits: { json: { entries: 20 } } }],
  SPILLWAY_MAX_JSON_LISTS: ['20', { requestLimits: { json: { lists: 20 } } }],
  SPILLWAY_MAX_STRINGS: ['20', { requestLimits: { strings: 20 } }],
  SPILLWAY_MAX_CHOICES: ['20', { requestLimits: { maxChoices: 20 } }],
  SPILLWAY_MAX_QUEUED: ['20', { queue: { requests: 20 } }],
  SPILLWAY_MAX_QUEUED_ROWS: ['20', { queue: { rows: 20 } }],
  SPILLWAY_MAX_QUEUED_BYTES: ['20', { queue: { bytes: 20 } }],
  SPILLWAY_MAX_QUEUED_TOKENS: ['20', { queue: { tokens: 20 } }],
  SPILLWAY_SLOTS: ['4', { generateLimits: { maxSlots: 4 } }],
  SPILLWAY_KV_BYTES: ['1000', { generateLimits: { maxBytes: 1_000 } }],
  SPILLWAY_GRACE_SECONDS: ['30', { graceMs: 30_000 }],
  SPILLWAY_MAX_TEXT_BODY_BYTES: ['2000', { maxTextBodyBytes: 2_000 }],
} as const

describe('the server’s environment', () => {
  test.each(Object.entries(settings))('%s has its effect, and only that', (name, [value, changed]) => {
    const defaults = readConfig({})
    expect(defaults).not.toMatchObject(changed)
    const config = readConfig({ [name]: value })
    expect(config).toMatchObject(changed)
    const others = Object.fromEntries(Object.entries(defaults).filter(([key]) => !(key in changed)))
    expect(config).toMatchObject(others)
  })

  test('is documented, each variable and no other', () => {
    const documented = [...guide.matchAll(/^\| `((?:SPILLWAY_)?[A-Z_]+)`/gm)].map(([, name]) => name)
    expect(documented.sort()).toEqual(Object.keys(settings).sort())
  })

  test.each(['SPILLWAY_MODEL', 'SPILLWAY_PORT', 'SPILLWAY_MAX_BODY'])('may not have %s', (name) => {
    expect(() => readConfig({ [name]: '9000' })).toThrow(`There is no environment variable ${name}`)
  })

  test('is taken as the guide to security shows it', () => {
    const security = readFileSync(new URL('../../server/SECURITY.md', import.meta.url), 'utf8')
    const variables = [...security.matchAll(/^export (\w+)=(.*)$/gm)].map(([, name, value = '']) => [
      name,
      // What the shell puts there has 64 characters.
      value.replace('$(openssl rand -base64 48)', 'x'.repeat(64)),
    ])
    expect(variables.length).toBeGreaterThan(5)
    expect(readConfig(Object.fromEntries(variables))).toMatchObject({ host: '0.0.0.0', adminPort: 9_100 })
  })

  test.each([
    ['SPILLWAY_TOKEN_SECRET', 'hunter2'],
    ['REDIS_URL', 'http://:hunter2@redis'],
  ])('has secrets that no message quotes: %s', (name, value) => {
    expect(() => readConfig({ [name]: value })).toThrow(`The environment variable ${name} is invalid`)
    expect(() => readConfig({ [name]: value })).not.toThrow('hunter2')
  })

  test('may have variables of the command, of tests, and those that Kubernetes sets for a service', () => {
    const others = {
      SPILLWAY_DEBUG: '1',
      SPILLWAY_TEST_MODELS: '/models',
      SPILLWAY_SERVICE_HOST: '10.0.0.1',
      SPILLWAY_SERVICE_PORT_HTTP: '80',
      SPILLWAY_PORT: 'tcp://10.0.0.1:80',
      SPILLWAY_PORT_80_TCP: 'tcp://10.0.0.1:80',
      SPILLWAY_PORT_80_TCP_ADDR: '10.0.0.1',
      SPILLWAY_UNUSED: '',
    }
    expect(readConfig(others)).toEqual(readConfig({}))
  })
})
