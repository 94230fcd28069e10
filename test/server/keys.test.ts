import { writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import OpenAI from 'openai'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { errorCodeHeader } from '../../models/protocols/oip.ts'
import { bearer, keysText, testKey, writeKeys } from '../support/keys-file.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { emptyFolder } from '../support/test-models.ts'

const backend = testKey('backend')
const stranger = testKey('stranger')
const shop = testKey('shop', { origins: ['https://shop.example'] })

let server: TestServer
let keysFile: string
beforeAll(async () => {
  keysFile = await writeKeys(backend, shop)
  // On every address: keys allow it.
  server = await startServer({ HOST: '0.0.0.0', SPILLWAY_KEYS: keysFile })
})
afterAll(() => server.stop())

const at = (path: string) => new URL(path, server.url)
const body = JSON.stringify({
  inputs: [{ name: 'image', datatype: 'FP32', shape: [1, 1, 28, 28], data: new Array(784).fill(0.5) }],
})
const infer = (headers: Record<string, string> = {}) =>
  fetch(at('v2/models/digits/infer'), { method: 'POST', body, headers })
const client = (apiKey: string) => new OpenAI({ apiKey, baseURL: at('v1').href, maxRetries: 0 })

describe('a server with keys', () => {
  test('answers a caller with a key, also by OpenAI’s client', async () => {
    expect((await infer(bearer(backend.key))).status).toBe(200)
    expect((await infer({ authorization: `bearer ${backend.key}` })).status).toBe(200)
    const completion = { model: 'bard', prompt: 'Once', max_tokens: 2 }
    expect((await client(backend.key).completions.create(completion)).usage?.completion_tokens).toBe(2)
  })

  test.each<[string, Record<string, string>, string, boolean]>([
    ['no key', {}, 'got no such header', false],
    ['another scheme', { authorization: 'Basic c2hvcDpr' }, 'got another scheme', false],
    ['an empty key', { authorization: 'Bearer ' }, 'got another scheme', false],
    ['an unknown key', bearer(stranger.key), 'a key or token that this server does not know', true],
    [
      'the start of a key',
      bearer(backend.key.slice(0, -1)),
      'a key or token that this server does not know',
      true,
    ],
    [
      'the hash of a key',
      bearer(backend.entry.sha256),
      'a key or token that this server does not know',
      true,
    ],
    ['a key for pages', bearer(shop.key), 'exchanged for a token', true],
  ])('refuses %s with 401 in the form of the protocol', async (_what, headers, message, isInvalid) => {
    const response = await infer(headers)
    expect(response.status).toBe(401)
    expect(response.headers.get(errorCodeHeader)).toBe('unauthenticated')
    expect(response.headers.get('www-authenticate')).toBe(
      `Bearer realm="spillway"${isInvalid ? ', error="invalid_token"' : ''}`,
    )
    const { error } = await response.json()
    expect(error).toContain(message)
    expect(error).not.toContain('sk_')
  })

  test('refuses in OpenAI’s form below /v1', async () => {
    const request = client(stranger.key).models.list()
    await expect(request).rejects.toBeInstanceOf(OpenAI.AuthenticationError)
    await expect(request).rejects.toMatchObject({
      status: 401,
      code: 'unauthenticated',
      type: 'authentication_error',
    })
  })

  test('lets everybody have the health, the site and the catalogue', async () => {
    for (const path of ['v2/health/live', 'v2/health/ready', 'embed.js', '', 'models/catalogue.json'])
      expect((await fetch(at(path))).status, path).toBe(200)
  })

  test('does not read the body of a request that it refuses', async () => {
    const socket = connect(Number(server.url.port), '127.0.0.1')
    socket.on('error', () => undefined)
    const closed = new Promise((resolve) => socket.once('close', resolve))
    socket.write('POST /v2/models/digits/infer HTTP/1.1\r\nhost: x\r\ncontent-length: 30000000\r\n\r\n{')
    let answer = ''
    socket.on('data', (part) => {
      answer += part
    })
    await closed
    expect(answer).toMatch(/^HTTP\/1\.1 401 /)
    expect(answer.toLowerCase()).toContain('connection: close')
  })
})

test('a server that gets SIGHUP rereads its keys, their limits and origins, and keeps the old ones of a faulty file', async () => {
  const reread = async (text: string, message: string) => {
    await writeFile(keysFile, text)
    const before = server.log.length
    process.kill(server.pid, 'SIGHUP')
    const lines = () => server.log.slice(before).map(({ msg }) => String(msg))
    await expect.poll(lines).toContainEqual(expect.stringContaining(message))
    return server.log.slice(before)
  }
  const origin = 'https://shop.example'
  const exchange = (key: string, from = origin) =>
    fetch(at('auth/token'), { method: 'POST', body: JSON.stringify({ key }), headers: { origin: from } })
  const { access_token: token } = await (await exchange(shop.key)).json()
  const fromPage = () => infer({ ...bearer(token), origin })
  expect((await fromPage()).status).toBe(200)

  const other = testKey('other', { origins: ['https://other.example'] })
  const limited = { ...backend, entry: { ...backend.entry, limits: { requestsPerMinute: 1 } } }
  const lines = await reread(keysText(limited, other), 'The keys were reread')
  expect(lines).toContainEqual(
    expect.objectContaining({ added: ['other'], changed: ['backend'], removed: ['shop'] }),
  )
  expect((await exchange(shop.key)).status).toBe(401)
  // Its origin is on no list any more, and its tokens hold no longer.
  expect((await fromPage()).status).toBe(403)
  expect((await infer({ ...bearer(token), origin: server.url.origin })).status).toBe(401)
  expect((await exchange(other.key, 'https://other.example')).status).toBe(200)
  expect([(await infer(bearer(backend.key))).status, (await infer(bearer(backend.key))).status]).toEqual([
    200, 429,
  ])

  await reread('{"keys": [{}]}', 'The keys could not be reread')
  expect((await exchange(other.key, 'https://other.example')).status).toBe(200)
  await reread(keysText(backend), 'The keys were reread')
  expect((await infer(bearer(backend.key))).status).toBe(200)
})

describe('a server with a bad file of keys', () => {
  const start = async (text: string) => {
    const path = join(await emptyFolder(), 'keys.json')
    await writeFile(path, text)
    return startServer({ SPILLWAY_KEYS: path })
  }
  test('does not start, and says why without quoting the file', async () => {
    const { entry } = shop
    const { origins: _origins, ...unbound } = entry
    await expect(startServer({ SPILLWAY_KEYS: '/nowhere' })).rejects.toThrow(
      'The file of keys in SPILLWAY_KEYS cannot be read',
    )
    await expect(start(backend.key)).rejects.toThrow(
      /is not valid: expected JSON: \{"keys": \[\.\.\.\]\}, got another/,
    )
    await expect(start('{"keys":[]}')).rejects.toThrow('is not valid at keys')
    await expect(start(JSON.stringify({ keys: [unbound] }))).rejects.toThrow(
      'origins for a key of kind "page"',
    )
    await expect(start(JSON.stringify({ keys: [entry, entry] }))).rejects.toThrow('keys with different names')
  })
})
