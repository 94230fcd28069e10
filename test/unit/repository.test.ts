import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const root = fileURLToPath(new URL('../../', import.meta.url))
const rooms = ['web', 'server', 'workers', 'models', 'test']

const sourceFiles = rooms
  .flatMap((room) =>
    readdirSync(`${root}${room}`, { recursive: true }).map((path) => `${room}/${String(path)}`),
  )
  .filter((path) => /\.(ts|mjs|css|html|py)$/.test(path) && !path.includes('/generated/'))

const maxLines = 300
const reason = 'Longer than 300 lines:'

test('a file over 300 lines gives the reason in its first comment', () => {
  const unexplained = sourceFiles.filter((path) => {
    const lines = readFileSync(`${root}${path}`, 'utf8').split('\n')
    return lines.length - 1 > maxLines && !lines.slice(0, 25).some((line) => line.includes(reason))
  })
  expect(sourceFiles.length).toBeGreaterThan(500)
  expect(unexplained).toEqual([])
})
