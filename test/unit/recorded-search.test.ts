import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import recorded from '../../web/app/recorded/search.json' with { type: 'json' }
import { splitPassages } from '../../web/search/split.ts'

test('the recorded search found passages of the book as the page divides it', () => {
  const passages = splitPassages(
    readFileSync(new URL('../../web/app/search/alice.txt', import.meta.url), 'utf8'),
  )
  for (const found of recorded.found)
    for (const { index } of found) expect(passages[index], `passage ${index}`).toBeDefined()
  const [nearest] = recorded.found.at(-1) ?? []
  expect(passages[nearest?.index ?? -1]).toMatch(/Cat/)
})
