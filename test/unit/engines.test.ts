import { expect, test } from 'vitest'
import { readTable, renderTable, versionsOf } from '../engines/table.ts'
import { readDocument } from '../support/documents.ts'

test("README's table of engines has the cases of the core suite, as `npm run test:engines` writes it", async () => {
  const table = readTable(await readDocument('README.md'))
  expect(table).toBe(renderTable(versionsOf(table)))
})
