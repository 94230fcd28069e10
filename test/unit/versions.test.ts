import { expect, test } from 'vitest'
import { compareVersions } from '../../server/inference/versions.ts'

test.each([
  [['1', '2', '9', '10', '100']],
  [['1.0-rc.1', '1.0-rc.2', '1.0-rc.10', '1.0', '1.0.1', '1.2', '1.10', '2']],
  [['v1', '2', 'v3', 'V10']],
  [['alpha', 'beta', '1']],
  [['2024-09-30', '2024-10-01', '20241001123456789012', '20241001123456789013']],
  [['1.0', '1_0']],
  [['01', '1', '02']],
])('orders the versions %j', (versions) => {
  expect([...versions].reverse().sort(compareVersions)).toEqual(versions)
  expect([...versions].sort(compareVersions)).toEqual(versions)
  for (const version of versions) expect(compareVersions(version, version)).toBe(0)
})
