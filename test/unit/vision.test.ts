import { expect, test } from 'vitest'
import { samples } from '../../web/app/samples.ts'
import { privacyWords } from '../../web/app/vision/privacy.ts'
import { seeded } from '../../web/app/vision/seeded.ts'
import { vary } from '../../web/app/vision/vary.ts'

test('made-up hands draw alike for the same seed, each otherwise, and within their cell', () => {
  const draw = (seed: number) => {
    const random = seeded(seed)
    return Array.from({ length: 100 }, (_, index) => vary(samples[index % samples.length] ?? [], random))
  }
  expect(draw(1)).toEqual(draw(1))
  expect(draw(1)).not.toEqual(draw(2))
  const [first, ...others] = draw(1).filter((_, index) => index % samples.length === 3)
  for (const other of others) expect(other).not.toEqual(first)
  for (const { x, y } of draw(1).flat(2)) {
    expect(Math.min(x, y)).toBeGreaterThan(0)
    expect(Math.max(x, y)).toBeLessThan(1)
  }
})

test.each([
  ['device', 0, 'Nothing leaves this device.'],
  ['device', 3, 'From now on nothing leaves this device.'],
  ['server', 0, 'Every drawing is sent to the server.'],
  ['prefer-server', 0, 'Every drawing is sent to the server.'],
  ['auto', 0, 'Nothing has left this device so far.'],
  ['prefer-device', 1, 'The server has answered 1 drawing.'],
] as const)('under the policy %s, with %i drawings sent, a visitor reads "%s"', (policy, sent, words) => {
  expect(privacyWords(policy, sent, 'drawing')).toContain(words)
})
