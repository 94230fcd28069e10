import { hash } from 'node:crypto'
import type { HttpBindings } from '@hono/node-server'
import type { CallContext } from './call-context.ts'

/** Names who sent a request, so that callers take turns; undefined where nothing is known of them. */
export type CallerOf = (c: Pick<CallContext, 'req' | 'env'>) => string | undefined

/** The last key of a connection and its name: most connections have one. */
const named = new WeakMap<object, { readonly key: string; readonly caller: string }>()

/** How the callers of a server are named. @param hasKeys Whether it verifies keys. */
export const callersOf = (hasKeys: boolean, addressHeader = ''): CallerOf =>
  (hasKeys ? createAddressOf : createCallerOf)(addressHeader)

/**
 * The caller is the key that the request has (`authorization`, `api-key` or `x-api-key`), hashed, because it is a secret;
 * else the address that it comes from. Keys are not verified here: where the server has keys, the guard names the caller.
 *
 * @param addressHeader The header in which a proxy passes its client's address on; empty where there is no proxy: any
 * client can send the header. Of several addresses the last counts, which the nearest proxy has added.
 */
export const createCallerOf = (addressHeader: string): CallerOf => {
  const addressOf = createAddressOf(addressHeader)
  return (c) => {
    const key = c.req.header('authorization') ?? c.req.header('api-key') ?? c.req.header('x-api-key')
    return key ? nameOfKey(key, socketOf(c)) : addressOf(c)
  }
}

/** The address that a request comes from, where keys are verified: until then they say nothing. */
export const createAddressOf =
  (addressHeader: string): CallerOf =>
  (c) => {
    const passedOn = addressHeader === '' ? undefined : c.req.header(addressHeader)
    const address = passedOn?.split(',').at(-1)?.trim() || socketOf(c)?.remoteAddress
    return address === undefined ? undefined : nameOfAddress(address)
  }

/** `app.request` in a test has no socket. */
const socketOf = (c: Pick<CallContext, 'env'>) =>
  (c.env as Partial<HttpBindings> | undefined)?.incoming?.socket

function nameOfKey(key: string, socket: object | undefined): string {
  const known = socket && named.get(socket)
  if (known?.key === key) return known.caller
  const caller = `key ${hash('sha256', key, 'base64')}`
  if (socket) named.set(socket, { key, caller })
  return caller
}

/** An IPv6 host has a whole network of addresses, by its first four parts. */
function nameOfAddress(address: string): string {
  if (!address.includes(':') || address.startsWith('::ffff:')) return address
  const [start = '', end] = address.toLowerCase().split('::')
  const parts = start === '' ? [] : start.split(':')
  // `::` stands for as many zeros as are missing.
  const missing = end === undefined ? 0 : 8 - parts.length - end.split(':').length
  return [...parts, ...new Array<string>(Math.max(0, missing)).fill('0')].slice(0, 4).join(':')
}
