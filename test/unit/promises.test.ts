import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const path = (relative: string) => fileURLToPath(new URL(`../../${relative}`, import.meta.url))
const read = (relative: string) => readFileSync(path(relative), 'utf8')

const section = read('ARCHITECTURE.md').split('## What always holds')[1]?.split('\n## ')[0] ?? ''
const statements = [...section.matchAll(/^(\d+)\. (.+)$/gm)].map(([, number]) => Number(number))
const rows = [...read('test/README.md').matchAll(/^\| (\d+)\. ([^|]+)\|([^|]+)\|([^|]+)\|$/gm)]

test('every statement of what always holds names the tests that make its fault', () => {
  expect(statements).toEqual(Array.from({ length: statements.length }, (_, index) => index + 1))
  expect([...new Set(rows.map(([, number]) => Number(number)))]).toEqual(statements)
})

test.each(rows.map(([, number, what = '', , tests = '']) => [number, what.trim(), tests] as const))(
  'the tests of statement %s (%s) exist and test something',
  (_number, _what, tests) => {
    const files = [...tests.matchAll(/\]\(([^)]+)\)/g)].map(([, file = '']) => `test/${file}`)
    expect(files).not.toEqual([])
    for (const file of files) {
      expect(existsSync(path(file)), file).toBe(true)
      expect(read(file), file).toMatch(/\btest(\.each|\.skipIf)?[(<]/)
    }
  },
)
