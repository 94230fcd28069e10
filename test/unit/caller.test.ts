import { Hono } from 'hono'
import { expect, test } from 'vitest'
import { createCallerOf } from '../../server/http/caller.ts'
import type { Variables } from '../../server/http/request-log.ts'

/** Who the request is from, as the server sees it. */
async function callerOf(headers: Record<string, string>, remoteAddress: string, addressHeader = '') {
  const of = createCallerOf(addressHeader)
  const app = new Hono<{ Variables: Variables }>().get('/', (c) => c.text(of(c) ?? 'nobody'))
  const socket = { remoteAddress }
  return (await app.request('/', { headers }, { incoming: { socket } })).text()
}

test('a caller is its key, hashed, and its address where it has none', async () => {
  const one = await callerOf({ authorization: 'Bearer secret' }, '1.2.3.4')
  expect(one).toBe(await callerOf({ authorization: 'Bearer secret' }, '5.6.7.8'))
  expect(one).not.toContain('secret')
  expect(one).not.toBe(await callerOf({ authorization: 'Bearer other' }, '1.2.3.4'))
  expect(await callerOf({ 'x-api-key': 'a' }, '1.2.3.4')).not.toBe(await callerOf({}, '1.2.3.4'))
  expect(await callerOf({}, '1.2.3.4')).toBe('1.2.3.4')
})

test('the addresses of one IPv6 network are one caller', async () => {
  expect(await callerOf({}, '2001:db8:1:2:3:4:5:6')).toBe(await callerOf({}, '2001:db8:1:2::9'))
  expect(await callerOf({}, '2001:db8:1:2::9')).not.toBe(await callerOf({}, '2001:db8:1:3::9'))
  expect(await callerOf({}, '::1')).toBe('0:0:0:0')
  expect(await callerOf({}, '::ffff:1.2.3.4')).toBe('::ffff:1.2.3.4')
})

test("a proxy's header counts only where it is configured, and its last address", async () => {
  const headers = { 'x-forwarded-for': '9.9.9.9, 7.7.7.7' }
  expect(await callerOf(headers, '1.2.3.4')).toBe('1.2.3.4')
  expect(await callerOf(headers, '1.2.3.4', 'x-forwarded-for')).toBe('7.7.7.7')
})
