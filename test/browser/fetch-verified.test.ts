import { expect, test } from 'vitest'
import { systemClock } from '../../models/async/clock.ts'
import { fetchVerified } from '../../models/async/fetch-verified.ts'
import { SpillwayError } from '../../models/core/index.ts'
import { startWorkerLane } from '../../workers/host/lane-client/browser/start-worker-lane.ts'

const url = new URL(URL.createObjectURL(new Blob(['hello\n'])))
const sha256 = '5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03'

test('A file with the expected SHA-256 is fetched, and one with another is refused', async () => {
  const bytes = await fetchVerified(url, sha256, systemClock)
  expect(new TextDecoder().decode(bytes)).toBe('hello\n')
  const other = sha256.replace('5', '6')
  await expect(fetchVerified(url, other, systemClock)).rejects.toMatchObject({
    code: 'server_unreachable',
    detail: { expected: `SHA-256 ${other}` },
  })
})

test('A lane that is given no runtime fetches the one of the build', { timeout: 60_000 }, async () => {
  const lane = startWorkerLane('test', systemClock)
  try {
    expect((await lane.start({ threads: 1 })).backends).toContain('wasm')
  } finally {
    lane.kill(new SpillwayError('closed', 'The test is over'))
  }
})
