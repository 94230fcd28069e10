import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { describe, expect, test } from 'vitest'
import { readConfig } from '../../server/config.ts'
import { readConfigFile } from '../../server/config-file.ts'
import type { Setting } from '../../server/settings/setting.ts'
import { configFileSchema, fileKey, settingNames, settings } from '../../server/settings/settings.ts'
import { settingsInterface } from '../support/settings-interface.ts'

const readme = readFileSync(new URL('../../server/README.md', import.meta.url), 'utf8')

const shown = (initial: unknown) =>
  initial === undefined || initial === '' || (Array.isArray(initial) && initial.length === 0)
    ? ''
    : `\`${initial}\``

/** The table of settings as the README has to have it. */
const table = settingNames.map((name) => {
  const { initial, about }: Setting<unknown> = settings[name]
  return `| \`${name}\` | ${`${shown(initial)} | `.trimStart()}${about} |`
})

const folder = mkdtempSync(join(tmpdir(), 'spillway-config-'))

function fileOf(content: unknown, name = 'spillway.config.json') {
  const path = join(folder, name)
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content))
  return { path, file: readConfigFile({ SPILLWAY_CONFIG: path }) }
}

/** A valid value of each setting that is not its default. */
const otherValues = Object.fromEntries(
  settingNames.map((name) => {
    const { initial }: Setting<unknown> = settings[name]
    if (name === 'SPILLWAY_BACKEND') return [name, 'webgpu']
    if (name === 'SPILLWAY_DEVICES') return [name, ['10de:2330']]
    if (name === 'SPILLWAY_MODELS') return [name, ['/models/ours']]
    if (name === 'SPILLWAY_ORIGINS') return [name, ['https://shop.example']]
    if (name === 'SPILLWAY_KEYS') return [name, '/keys.json']
    if (name === 'SPILLWAY_TOKEN_SECRET') return [name, 'x'.repeat(32)]
    if (name === 'REDIS_URL') return [name, 'redis://localhost']
    if (typeof initial === 'boolean') return [name, !initial]
    if (typeof initial === 'string') return [name, 'other']
    return [name, typeof initial === 'number' ? initial + 1 : 500]
  }),
)
const textOf = (value: unknown) =>
  Array.isArray(value) ? value.join(':') : value === true ? '1' : String(value)

/** A valid value of each variable that is not its default, and what it changes. */
const effects = {
  PORT: ['9000', { port: 9000 }],
  HOST: ['0.0.0.0', { host: '0.0.0.0' }],
  SPILLWAY_ADMIN_PORT: ['9100', { adminPort: 9_100 }],
  SPILLWAY_ADMIN_HOST: ['0.0.0.0', { adminHost: '0.0.0.0' }],
  SPILLWAY_OPEN: ['1', { isOpen: true }],
  SPILLWAY_KEYS: ['keys.json', { keysFile: resolve('keys.json') }],
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
  SPILLWAY_DEVICES: ['0, 1 GPU-8932f937 1', { devices: ['0', '1', 'GPU-8932f937'] }],
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
  SPILLWAY_SILENCE_SECONDS: ['20', { silenceMs: 20_000 }],
  SPILLWAY_TIMEOUT_SECONDS: ['20', { requestLimits: { timeoutMs: 20_000 } }],
  SPILLWAY_MAX_TIMEOUT_SECONDS: ['60', { requestLimits: { maxTimeoutMs: 60_000 } }],
  SPILLWAY_MEMORY_BYTES: ['1000', { memoryBytes: 1_000 }],
  SPILLWAY_DEVICE_MEMORY_BYTES: ['1000', { deviceMemoryBytes: 1_000 }],
  SPILLWAY_LANE_MEMORY_BYTES: ['1000', { laneLimits: { memoryBytes: 1_000 } }],
  SPILLWAY_GPU_HOUR_COST: ['2.5', { gpuHourCost: 2.5 }],
  SPILLWAY_MAX_TASK_BYTES: ['1000', { maxOffloadBytes: 1_000 }],
  SPILLWAY_MAX_JSON_DEPTH: ['20', { requestLimits: { json: { depth: 20 } } }],
  SPILLWAY_MAX_JSON_ENTRIES: ['20', { requestLimits: { json: { entries: 20 } } }],
  SPILLWAY_MAX_JSON_LISTS: ['20', { requestLimits: { json: { lists: 20 } } }],
  SPILLWAY_MAX_STRINGS: ['20', { requestLimits: { strings: 20 } }],
  SPILLWAY_MAX_ROWS: ['20', { requestLimits: { maxRows: 20 } }],
  SPILLWAY_MAX_CHOICES: ['20', { requestLimits: { maxChoices: 20 } }],
  SPILLWAY_MAX_QUEUED: ['20', { queue: { requests: 20 } }],
  SPILLWAY_MAX_QUEUED_ROWS: ['20', { queue: { rows: 20 } }],
  SPILLWAY_MAX_QUEUED_BYTES: ['20', { queue: { bytes: 20 } }],
  SPILLWAY_MAX_QUEUED_TOKENS: ['20', { queue: { tokens: 20 } }],
  SPILLWAY_SLOTS: ['4', { generateLimits: { slots: 4, maxSlots: 4 } }],
  SPILLWAY_KV_BYTES: ['1000', { generateLimits: { maxBytes: 1_000 } }],
  SPILLWAY_DRAIN_SECONDS: ['30', { drainMs: 30_000 }],
  SPILLWAY_MAX_TEXT_BODY_BYTES: ['2000', { maxTextBodyBytes: 2_000 }],
} as const

describe("the server's settings", () => {
  test('stand in its README as they are', () => {
    for (const row of table) expect(readme).toContain(`${row}\n`)
    const rows = [...readme.matchAll(/^\| `(PORT|HOST|REDIS_URL|SPILLWAY_[A-Z_]+)` \|/gm)].map(
      ([, name]) => name,
    )
    expect(rows).toEqual(settingNames)
  })

  test('stand in the published JSON schema as they are', async () => {
    const schema = `${JSON.stringify(configFileSchema(), undefined, 2)}\n`
    await expect(schema).toMatchFileSnapshot('../../server/spillway.config.schema.json')
  })

  test('stand in the options of createServer() as they are, without those of what listens', async () => {
    await expect(settingsInterface()).toMatchFileSnapshot('../../server/server-settings.ts')
  })

  test.each(settingNames)('%s has the same effect in the file and in the environment', (name) => {
    const value = otherValues[name]
    const { file } = fileOf({ [fileKey(name)]: value })
    const config = readConfig({}, file)
    expect(config).toEqual(readConfig({ [name]: textOf(value) }))
    expect(config).not.toEqual(readConfig({}))
  })

  test('stand in the example of the README as the server takes them', () => {
    const [, example = ''] = /```json\n([^`]*"maxQueued": 200[^`]*)```/.exec(readme) ?? []
    expect(readConfig({}, fileOf(example).file)).toMatchObject({ queue: { requests: 200 } })
  })

  test('are taken as the guide to security shows them', () => {
    const security = readFileSync(new URL('../../server/SECURITY.md', import.meta.url), 'utf8')
    const variables = [...security.matchAll(/^export (\w+)=(.*)$/gm)].map(([, name, value = '']) => [
      name,
      // What the shell puts there has 64 characters.
      value.replace('$(openssl rand -base64 48)', 'x'.repeat(64)),
    ])
    expect(variables.length).toBeGreaterThan(5)
    expect(readConfig(Object.fromEntries(variables))).toMatchObject({ host: '0.0.0.0', adminPort: 9_100 })
  })

  test('are taken from the environment before the file', () => {
    const { file } = fileOf({ $schema: './schema.json', maxQueued: 5, port: 9000 })
    expect(readConfig({ SPILLWAY_MAX_QUEUED: '7' }, file)).toMatchObject({
      queue: { requests: 7 },
      port: 9000,
    })
  })

  test('are searched for in the working directory, unless a file is named', () => {
    const { path } = fileOf({ port: 9001 })
    expect(readConfigFile({}, folder)).toEqual({ path, value: { port: 9001 } })
    const named = fileOf({ port: 9002 }, 'other.json')
    expect(readConfigFile({ SPILLWAY_CONFIG: 'other.json' }, folder)).toEqual(named.file)
    expect(readConfigFile({}, join(folder, 'nowhere'))).toBeUndefined()
  })

  test('name folders of models and the file of keys relative to the file that lists them', () => {
    const { file } = fileOf({ models: ['models'], keys: 'keys.json' })
    expect(readConfig({}, file)).toMatchObject({
      modelFolders: [join(folder, 'models')],
      keysFile: join(folder, 'keys.json'),
    })
  })

  test('are refused with all faults at once', () => {
    const { file, path } = fileOf({ maxQueued: '5', models: 'a', maxQueue: 5, slots: 4 })
    const env = { PORT: 'x', SPILLWAY_SLOTS: '0', SPILLWAY_SLOT: '3' }
    const message = messageOf(() => readConfig(env, file))
    expect(message.split('\n')).toEqual([
      'The configuration has 6 faults:',
      expect.stringContaining('There is no environment variable SPILLWAY_SLOT: expected PORT, HOST,'),
      expect.stringContaining(`${path} has no setting "maxQueue": expected $schema, port, host,`),
      expect.stringContaining('The environment variable PORT is invalid: expected a number, got "x"'),
      expect.stringContaining(`"models" in ${path} is invalid: expected an array, got "a"`),
      expect.stringContaining(`"maxQueued" in ${path} is invalid: expected a number, got "5"`),
      expect.stringContaining('The environment variable SPILLWAY_SLOTS is invalid: expected'),
    ])
  })

  test.each([
    ['{"port": ', 'cannot be read: got '],
    ['[]', 'cannot be read: got JSON that is no object'],
  ])('are refused with a file of %s', (content, expected) => {
    expect(() => readConfig({}, fileOf(content).file)).toThrow(expected)
  })

  test('are refused where the named file is absent', () => {
    const file = readConfigFile({ SPILLWAY_CONFIG: '/nowhere.json' })
    expect(() => readConfig({}, file)).toThrow('The configuration file /nowhere.json cannot be read')
  })

  test.each(Object.entries(effects))('%s has its effect, and only that', (name, [value, changed]) => {
    const defaults = readConfig({})
    expect(defaults).not.toMatchObject(changed)
    const config = readConfig({ [name]: value })
    expect(config).toMatchObject(changed)
    const others = Object.fromEntries(Object.entries(defaults).filter(([key]) => !(key in changed)))
    expect(config).toMatchObject(others)
  })

  test('shorten the default timeout to the longest', () => {
    expect(readConfig({ SPILLWAY_MAX_TIMEOUT_SECONDS: '5' })).toMatchObject({
      requestLimits: { timeoutMs: 5_000 },
    })
  })

  test.each([
    [{ SPILLWAY_TIMEOUT_SECONDS: '700' }, 'at most 600, the value of SPILLWAY_MAX_TIMEOUT_SECONDS, got 700'],
    [
      { SPILLWAY_TIMEOUT_SECONDS: '30', SPILLWAY_MAX_TIMEOUT_SECONDS: '5' },
      'at most 5, the value of SPILLWAY_MAX_TIMEOUT_SECONDS, got 30',
    ],
  ])('is refused with a timeout longer than the longest: %o', (env, fault) => {
    expect(() => readConfig(env)).toThrow(`SPILLWAY_TIMEOUT_SECONDS is invalid: expected ${fault}`)
  })

  test.each([
    { SPILLWAY_MAX_QUEUED: '-1' },
    { SPILLWAY_MAX_QUEUED: '1.5' },
    { SPILLWAY_TIMEOUT_SECONDS: 'soon' },
    { SPILLWAY_TIMEOUT_SECONDS: ' ' },
    { SPILLWAY_CALLER_ADDRESS_HEADER: 'x forwarded for' },
    { SPILLWAY_OPEN: 'yes' },
    { SPILLWAY_TOKEN_SECRET: 'short' },
    { REDIS_URL: 'localhost:6379' },
  ])('is refused with %o', (env) => {
    expect(() => readConfig(env)).toThrow(`The environment variable ${Object.keys(env)[0]} is invalid`)
  })

  test('is refused with an origin that has a path', () => {
    expect(() => readConfig({ SPILLWAY_ORIGINS: 'https://a.example, https://b.example/path' })).toThrow(
      'SPILLWAY_ORIGINS, at [1], is invalid: expected "*", or an origin such as "https://shop.example", got "https://b.example/path"',
    )
  })

  test('are refused without quoting a secret', () => {
    const env = { SPILLWAY_TOKEN_SECRET: 'hidden', REDIS_URL: ':hidden@redis' }
    expect(messageOf(() => readConfig(env))).toContain('SPILLWAY_TOKEN_SECRET is invalid: expected')
    expect(messageOf(() => readConfig(env))).not.toContain('hidden')
  })

  test.each(['SPILLWAY_MODEL', 'SPILLWAY_PORT', 'SPILLWAY_MAX_BODY'])('may not have %s', (name) => {
    expect(() => readConfig({ [name]: '9000' })).toThrow(`There is no environment variable ${name}`)
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

function messageOf(call: () => unknown): string {
  try {
    call()
  } catch (cause) {
    if (cause instanceof Error) return cause.message
  }
  throw new Error('Nothing was thrown')
}
