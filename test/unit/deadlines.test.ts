import { describe, expect, test } from 'vitest'
import { Deadlines } from '../../models/async/deadlines.ts'
import { createManualClock } from '../support/manual-clock.ts'

const item = (name: string, deadline: number) => ({ name, deadline })

describe('Deadlines', () => {
  test('call back for each item at its own deadline, in whatever order they were added', () => {
    const clock = createManualClock()
    const late: string[] = []
    const deadlines = new Deadlines<ReturnType<typeof item>>(clock, ({ name }) =>
      late.push(`${name} at ${clock.now()}`),
    )
    for (const one of [item('second', 20), item('first', 10), item('third', 30)]) deadlines.add(one)
    for (let at = 0; at < 40; at++) clock.advance(1)
    expect(late).toEqual(['first at 10', 'second at 20', 'third at 30'])
  })

  test('do not call back for items deleted in time, and set one timer however many items there are', () => {
    const clock = createManualClock()
    let armed = 0
    const counting = {
      now: clock.now,
      after: (ms: number, task: () => void) => {
        armed++
        return clock.after(ms, task)
      },
    }
    const late: string[] = []
    const deadlines = new Deadlines<ReturnType<typeof item>>(counting, ({ name }) => late.push(name))
    for (let count = 0; count < 1_000; count++) {
      const done = item('done', clock.now() + 100_000)
      deadlines.add(done)
      clock.advance(1)
      deadlines.delete(done)
    }
    clock.advance(200_000)
    expect(late).toEqual([])
    expect(armed).toBe(1)
    deadlines.add(item('last', clock.now() + 5))
    clock.advance(5)
    expect(late).toEqual(['last'])
  })

  test('keep no timer once they are closed and the last item has gone', () => {
    const clock = createManualClock()
    const deadlines = new Deadlines<ReturnType<typeof item>>(clock, () => {})
    const [first, last] = [item('first', 10), item('last', 20)]
    deadlines.add(first)
    deadlines.add(last)
    deadlines.delete(first)
    deadlines.close()
    expect(clock.waiting).toBe(1)
    deadlines.delete(last)
    expect(clock.waiting).toBe(0)
  })

  test('are removed by clear(), which the callback itself may call', () => {
    const clock = createManualClock()
    const late: string[] = []
    const deadlines = new Deadlines<ReturnType<typeof item>>(clock, ({ name }) => {
      late.push(name, ...deadlines.clear().map((left) => `${left.name} left`))
    })
    for (const one of [item('first', 10), item('other', 10), item('later', 20)]) deadlines.add(one)
    clock.advance(100)
    clock.advance(100)
    expect(late).toEqual(['first', 'other left', 'later left'])
  })
})
