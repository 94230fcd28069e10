import { describe, expect, test } from 'vitest'
import { checkMayListen } from '../../server/auth/may-listen.ts'

const check = (host: string, { hasKeys = false, isOpen = false } = {}) =>
  checkMayListen({ host, hasKeys, isOpen })

describe('a server without keys', () => {
  test.each(['127.0.0.1', '127.1.2.3', 'localhost', '::1', '::ffff:127.0.0.1'])(
    'may listen on %s',
    (host) => {
      expect(() => check(host)).not.toThrow()
    },
  )

  test.each([
    '0.0.0.0',
    '::',
    '10.0.0.1',
    'example.com',
    '127.evil.com',
    '127.0.0.1.nip.io',
    '::ffff:10.0.0.1',
  ])('may not listen on %s unless it is opened', (host) => {
    expect(() => check(host)).toThrow(
      'expected keys in the file that SPILLWAY_KEYS names, or SPILLWAY_OPEN=1, got neither',
    )
    expect(() => check(host, { isOpen: true })).not.toThrow()
    expect(() => check(host, { hasKeys: true })).not.toThrow()
  })
})

test('Keys and SPILLWAY_OPEN=1 contradict each other, on every address', () => {
  for (const host of ['127.0.0.1', '0.0.0.0'])
    expect(() => check(host, { hasKeys: true, isOpen: true })).toThrow('contradict each other')
})
