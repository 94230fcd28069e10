import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { describe, expect, test } from 'vitest'
import { readConfig } from '../../server/config.ts'

const guide = readFileSync(new URL('../../server/README.md', import.meta.url), 'utf8')

/** A valid value of each variable that is not its default, and what it changes. */
const settings = {
  PORT: ['9000', { port: 9000 }],
  HOST: ['0.0.0.0', { host: '0.0.0.0' }],
  SPILLWAY_BACKEND: ['webgpu', { backend: 'webgpu' }],
  SPILLWAY_MODELS: ['one:two', { modelFolders: [resolve('one'), resolve('two')] }],
  SPILLWAY_KEEP_ALIVE_SECONDS: ['5', { keepAliveMs: 5_000 }],
  SPILLWAY_LOAD_SECONDS: ['7', { laneLimits: { loadMs: 7_000 } }],
  SPILLWAY_HUNG_SECONDS: ['9', { laneLimits: { hungMs: 9_000 } }],
  SPILLWAY_MAX_BODY_BYTES: ['1000', { maxBodyBytes: 1_000 }],
  SPILLWAY_MAX_REQUEST_SECONDS: ['20', { maxRequestMs: 20_000 }],
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
