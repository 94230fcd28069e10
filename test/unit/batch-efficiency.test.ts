import { expect, test } from 'vitest'
import { BatchEfficiency } from '../../workers/host/scheduler/batch-efficiency.ts'

const limitMs = 100

/** What is known after runs of these rows, a few each. */
function afterRuns(runMs: (rows: number) => number, sizes: readonly number[]) {
  const efficiency = new BatchEfficiency(limitMs)
  for (const rows of sizes) for (let run = 0; run < 4; run++) efficiency.learn(rows, runMs(rows))
  return efficiency
}

const sizes = [1, 2, 4, 8, 10]

test('where a row always costs the same, runs are as short as pays for their messages', () => {
  expect(afterRuns((rows) => 10 * rows, sizes).enoughMs).toBe(20)
  expect(afterRuns((rows) => 60 * rows, [1, 2]).enoughMs).toBe(60)
})

test('where most of a run is a fixed cost, runs are as long as the limit', () => {
  expect(afterRuns((rows) => 60 + rows, [1, 2, 4, 8, 16, 32, 40]).enoughMs).toBe(limitMs)
})

test('where large runs gain little, runs have the size from which they do', () => {
  const { enoughMs } = afterRuns((rows) => 2 + 2 * rows, [1, 2, 4, 8, 16, 32, 48])
  expect(enoughMs).toBeGreaterThan(35)
  expect(enoughMs).toBeLessThan(70)
})

test('while no run was long, or only the longest is as cheap, the limit holds', () => {
  expect(new BatchEfficiency(limitMs).enoughMs).toBe(limitMs)
  expect(afterRuns((rows) => 10 * rows, [1, 2]).enoughMs).toBe(limitMs)
  expect(afterRuns((rows) => 13 + rows, [1, 16, 40]).enoughMs).toBe(limitMs)
})

test('one slow run changes nothing, a device that stays slower does', () => {
  const efficiency = afterRuns((rows) => 10 * rows, sizes)
  efficiency.learn(1, 500)
  expect(efficiency.enoughMs).toBe(20)
  // Small runs now cost more a row than runs of four and more did.
  for (let run = 0; run < 100; run++) efficiency.learn(1, 40)
  for (let run = 0; run < 100; run++) efficiency.learn(2, 50)
  expect(efficiency.enoughMs).toBe(60)
})

test('after a thousand short runs one may be twice as long, and tells whether longer ones gain now', () => {
  const efficiency = afterRuns((rows) => 10 * rows, sizes)
  for (let run = 0; run < 1_022; run++) efficiency.learn(2, 20)
  expect(efficiency.enoughMs).toBe(20)
  efficiency.learn(2, 20)
  efficiency.learn(2, 20)
  expect(efficiency.enoughMs).toBe(40)
  efficiency.learn(4, 40)
  expect(efficiency.enoughMs).toBe(20)
  for (let run = 0; run < 1_024; run++) efficiency.learn(2, 20)
  // A row costs less in a longer run now, so the next ones are longer.
  efficiency.learn(4, 28)
  expect(efficiency.enoughMs).toBe(42)
})

test('a run that was shorter than the clock’s step says nothing', () => {
  const efficiency = afterRuns((rows) => 60 + rows, [1, 2, 4, 8, 16, 32, 40])
  efficiency.learn(1, 0)
  expect(efficiency.enoughMs).toBe(limitMs)
})
