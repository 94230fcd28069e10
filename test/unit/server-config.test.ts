import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { readConfig } from '../../server/config.ts'

const readme = readFileSync(new URL('../../server/README.md', import.meta.url), 'utf8')
/** The variables that the README lists, and their defaults. */
const documented = [...readme.matchAll(/^\| `([A-Z_]+)` \| (?:`([^`]*)`)? *\|/gm)].map(
  ([, name = '', value = '']) => [name, value] as const,
)

describe("the server's environment", () => {
  test('is listed in its README, with the defaults', () => {
    expect(documented.length).toBeGreaterThan(20)
    // With every default written out, the configuration is the one without any.
    expect(readConfig(Object.fromEntries(documented))).toEqual(readConfig({}))
  })

  test('is listed in its README whole', () => {
    expect(() => readConfig({ SPILLWAY_NONE: '1' })).toThrow(
      `expected ${[...documented.map(([name]) => name)].join(', ')}`,
    )
  })

  test.each([
    ['SPILLWAY_MAX_TIMEOUT_SECONDS', '3600', 'requestLimits.maxTimeoutMs', 3_600_000],
    ['SPILLWAY_MAX_TIMEOUT_SECONDS', '5', 'requestLimits.timeoutMs', 5_000],
    ['SPILLWAY_TIMEOUT_SECONDS', '600', 'requestLimits.timeoutMs', 600_000],
    ['SPILLWAY_MAX_QUEUED', '5', 'queue.requests', 5],
    ['SPILLWAY_MAX_QUEUED_ROWS', '6', 'queue.rows', 6],
    ['SPILLWAY_MAX_QUEUED_BYTES', '7', 'queue.bytes', 7],
    ['SPILLWAY_MAX_QUEUED_TOKENS', '8', 'queue.tokens', 8],
    ['SPILLWAY_MAX_JSON_DEPTH', '9', 'requestLimits.json.depth', 9],
    ['SPILLWAY_SLOTS', '4', 'generateLimits.maxSlots', 4],
    ['SPILLWAY_GRACE_SECONDS', '3', 'graceMs', 3_000],
  ])('sets with %s=%s %s', (name, value, path, expected) => {
    expect(readConfig({ [name]: value })).toHaveProperty(path, expected)
  })

  test.each([
    [{ SPILLWAY_TIMEOUT_SECONDS: '700' }, 'at most 600, the value of SPILLWAY_MAX_TIMEOUT_SECONDS, got 700'],
    [
      { SPILLWAY_TIMEOUT_SECONDS: '30', SPILLWAY_MAX_TIMEOUT_SECONDS: '5' },
      'at most 5, the value of SPILLWAY_MAX_TIMEOUT_SECONDS, got 30',
    ],
  ])('is refused with a timeout longer than the longest: %o', (env, fault) => {
    expect(() => readConfig(env)).toThrow(
      `The environment variable SPILLWAY_TIMEOUT_SECONDS is invalid: expected ${fault}`,
    )
  })

  test.each([
    { SPILLWAY_MAX_QUEUED: '-1' },
    { SPILLWAY_MAX_QUEUED: '1.5' },
    { SPILLWAY_TIMEOUT_SECONDS: 'soon' },
    { SPILLWAY_CALLER_ADDRESS_HEADER: 'x forwarded for' },
  ])('is refused with %o', (env) => {
    expect(() => readConfig(env)).toThrow(`The environment variable ${Object.keys(env)[0]} is invalid`)
  })
})
