import { expect, test } from 'vitest'
import type { Placement } from '../../models/core/index.ts'
import { type Load, LoadGenerator } from '../../web/app/lab/load-generator.ts'
import { writeReport } from '../../web/app/lab/report.ts'

const placement: Placement = {
  tier: 'device',
  backend: 'wasm',
  variant: 'fp32',
  reason: 'policy',
  explanation: '',
}

function createLoad(options: Pick<Load, 'loop' | 'amount'> & Partial<Load>) {
  let now = 0
  const calls: { resolve: (where: Placement) => void; reject: (cause: unknown) => void }[] = []
  const load = new LoadGenerator(() => now)
  load.start({
    mostOpen: 100,
    call: () => new Promise((resolve, reject) => calls.push({ resolve, reject })),
    ...options,
  })
  const tickAfter = (ms: number) => {
    now += ms
    load.tick()
  }
  return { load, calls, tickAfter }
}

/** Lets promises that have settled run their reactions. */
const settle = () => new Promise((resolve) => setTimeout(resolve))

test('a caller of a closed load calls again once it has its answer, and after a failure with the next tick', async () => {
  const { load, calls, tickAfter } = createLoad({ loop: 'closed', amount: 3 })
  tickAfter(16)
  tickAfter(16)
  expect(calls.length).toBe(3)
  calls[0]?.resolve(placement)
  await settle()
  expect(calls.length).toBe(4)
  calls[1]?.reject(new Error('no answer'))
  await settle()
  expect([calls.length, load.open, load.lost]).toEqual([4, 2, 1])
  tickAfter(16)
  expect(calls.length).toBe(5)
  load.stop()
  calls[2]?.resolve(placement)
  await settle()
  expect([calls.length, load.open, load.answered.device]).toEqual([5, 2, 2])
})

test('an open load comes at its rate, whether or not calls are answered, and counts what it could not make', () => {
  const { load, calls, tickAfter } = createLoad({ loop: 'open', amount: 1_000 })
  tickAfter(10)
  tickAfter(10)
  expect(calls.length).toBe(20)
  for (let tick = 0; tick < 10; tick++) tickAfter(10)
  expect([calls.length, load.skipped]).toEqual([100, 20])
  tickAfter(60_000)
  expect(load.skipped).toBe(70)
})

test('the calls that are open at a fault are counted until each is settled', async () => {
  const { load, calls, tickAfter } = createLoad({ loop: 'closed', amount: 3 })
  tickAfter(16)
  const outcome = load.settleOpen()
  calls[0]?.resolve(placement)
  await settle()
  calls[3]?.reject(new Error('made after the fault'))
  calls[1]?.resolve(placement)
  calls[2]?.reject(new Error('lost with the lane'))
  expect(await outcome).toEqual({ calls: 3, lost: 1 })
})

test('a report says what was loaded, what was seen of each fault, and what there is none of', () => {
  const report = writeReport({
    date: new Date(0),
    browser: 'A browser',
    device: 'No GPU',
    load: '`digits`, 8 callers',
    figures: ['12 calls answered'],
    faults: ['Kill a lane: 8 calls were open, 0 lost.'],
    sections: [
      { title: 'Lanes', rows: [{ key: 'wasm-0', title: 'wasm-0', text: 'idle' }] },
      { title: 'Stored', rows: [] },
    ],
  })
  expect(report).toBe(`# Spillway in the lab

- 1970-01-01T00:00:00.000Z
- A browser
- No GPU

## Load

- \`digits\`, 8 callers
- 12 calls answered

## Faults

- Kill a lane: 8 calls were open, 0 lost.

## Lanes

- **wasm-0**: idle

## Stored

- none
`)
})
