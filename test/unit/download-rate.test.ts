import { expect, test } from 'vitest'
import { DownloadRate } from '../../web/store/download/download-rate.ts'

/** The rate after samples of milliseconds and bytes. */
function rateOf(...samples: readonly (readonly [at: number, bytes: number])[]): number | undefined {
  const rate = new DownloadRate()
  for (const [at, bytes] of samples) rate.add(at, bytes)
  return rate.perSecond
}

test('the wait for the first bytes is no part of the rate', () => {
  expect(rateOf([0, 0], [3_000, 50_000], [4_000, 1_050_000])).toBe(1_000_000)
})

test('one burst after a wait gives no rate yet', () => {
  expect(rateOf([0, 0], [2_000, 64_000])).toBeUndefined()
  expect(rateOf([0, 0], [2_000, 64_000], [2_100, 900_000])).toBeUndefined()
})

test('a download that starts again is measured anew', () => {
  expect(rateOf([0, 1_000_000], [1_000, 2_000_000], [2_000, 100], [3_000, 500_100])).toBe(500_000)
})
