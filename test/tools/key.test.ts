import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { isOrigin, parseKeysFile } from '../../models/protocols/api-keys.ts'
import { Keys } from '../../server/auth/keys.ts'
import { spillway } from './support/command.ts'

describe('spillway key create', () => {
  test('prints a key of 256 random bits once, and the entry that a server finds it by', async () => {
    const { code, out } = await spillway('key', 'create', '--name', 'backend', '--json')
    expect(code).toBe(0)
    const { key, entry } = JSON.parse(out)
    expect(key).toMatch(/^sk_[\w-]{43}$/)
    expect(entry).toEqual({
      name: 'backend',
      kind: 'server',
      sha256: createHash('sha256').update(key).digest('hex'),
    })
    const keys = new Keys(parseKeysFile({ keys: [entry] }, 'a test'))
    expect(keys.find(key)?.name).toBe('backend')
    expect(keys.find(`${key}x`)).toBeUndefined()
    const again = await spillway('key', 'create', '--name', 'backend', '--json')
    expect(JSON.parse(again.out).key).not.toBe(key)
  })

  test('binds a key for pages to their origins', async () => {
    const origins = ['--origin', 'https://shop.example', '--origin', 'http://localhost:5173']
    const { out } = await spillway('key', 'create', '--name', 'shop', '--page', ...origins)
    expect(out).toMatch(/^pk_[\w-]{43}\n/)
    expect(out).toContain('"http://localhost:5173"')
    expect(out).toContain('data-key')
  })

  test('makes a key for administrators', async () => {
    const { out } = await spillway('key', 'create', '--name', 'operator', '--admin', '--json')
    expect(JSON.parse(out)).toMatchObject({
      key: expect.stringMatching(/^ak_[\w-]{43}$/),
      entry: { kind: 'admin' },
    })
  })

  test.each([
    [
      ['--admin', '--page', '--origin', 'https://shop.example'],
      "'--admin' cannot be used with option '--page'",
    ],
    [['--page'], 'got --page alone'],
    [['--origin', 'https://shop.example'], 'got --origin alone'],
    [['--page', '--origin', 'https://shop.example/'], 'expected an origin such as "https://shop.example"'],
    [['--name', 'a b'], 'keys[0].name'],
  ])('refuses %j', async (args, message) => {
    const { code, err } = await spillway('key', 'create', '--name', 'shop', ...args)
    expect(code).not.toBe(0)
    expect(err).toContain(message)
  })
})

test.each([
  ['https://shop.example', true],
  ['http://localhost:5173', true],
  ['http://[::1]:80800', true],
  ['capacitor://localhost', true],
  ['https://shop.example:443', false],
  ['https://Shop.example', false],
  ['https://user@shop.example', false],
  ['https://*.example', false],
  ['*', false],
  ['null', false],
])('%s as an origin: %s', (text, expected) => {
  expect(isOrigin(text)).toBe(expected)
})

describe('the guide', () => {
  const guide = readFileSync(new URL('../../server/SECURITY.md', import.meta.url), 'utf8')
  const blocks = (language: string, words: string) =>
    [...guide.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, 'gm'))]
      .map(([, text = '']) => text)
      .filter((text) => text.includes(words))

  test('shows commands that make keys', async () => {
    const lines = blocks('sh', 'spillway key create').flatMap((text) => text.trim().split('\n'))
    expect(lines).not.toEqual([])
    for (const line of lines) expect((await spillway(...line.split(' ').slice(1))).code, line).toBe(0)
  })

  test('shows a file of keys that a server takes', () => {
    const files = blocks('json', '"keys"')
    expect(files).not.toEqual([])
    for (const file of files) expect(parseKeysFile(JSON.parse(file), 'the guide')).not.toEqual([])
  })
})
