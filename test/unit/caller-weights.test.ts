import { describe, expect, test } from 'vitest'
import { parseKeysFile } from '../../models/protocols/api-keys.ts'
import { turnOptions } from '../../server/auth/turn-options.ts'
import type { Variables } from '../../server/http/request-log.ts'
import { InFlightLimit } from '../../server/upstream/in-flight-limit.ts'
import { Turns } from '../../workers/host/scheduler/turns.ts'
import type { WaitOptions } from '../../workers/host/scheduler/work.ts'
import { SequenceQueue, sequenceToInterrupt } from '../../workers/host/text/sequence-queue.ts'
import { SequenceStream } from '../../workers/host/text/sequence-stream.ts'
import { createEchoScheduler, echo, finish, workOf } from '../support/echo-scheduler.ts'
import { testKey } from '../support/keys-file.ts'
import { createManualClock } from '../support/manual-clock.ts'

const paying = { caller: 'paying', weight: 4 }
const other = { caller: 'other' }
/** One row a batch, so that the order of requests is that of batches. */
const model = echo({ batching: { maxRows: 1 } })

describe('a caller of weight 4', () => {
  test('gets four times as many runs as another, as long as both wait', async () => {
    const { clock, lanes, scheduler } = createEchoScheduler()
    const ask = (value: number, wait: WaitOptions) =>
      Array.from({ length: 40 }, () => scheduler.ask(workOf([[value]], model), wait))
    const answers = [...ask(1, other), ...ask(2, paying)]
    await finish(clock, scheduler)
    await Promise.all(answers)
    const first = lanes.batches.slice(0, 50).map(({ data }) => Number(data[0]))
    expect(first.filter((value) => value === 2).length).toBeGreaterThanOrEqual(39)
    expect(first.indexOf(1), 'the other does not starve').toBeLessThan(6)
    expect(first.filter((value) => value === 1).length).toBeGreaterThanOrEqual(9)
  })

  test('keeps four times as many places of a full queue', async () => {
    const { clock, scheduler } = createEchoScheduler({ maxQueued: 5 })
    let refused = ''
    const ask = (wait: WaitOptions, count: number) =>
      Array.from({ length: count }, () =>
        scheduler.ask(workOf([[1]], model), wait).catch(() => {
          refused += wait.caller?.[0]
        }),
      )
    const answers = ask(other, 1)
    await Promise.resolve()
    answers.push(...ask(other, 5), ...ask(paying, 6))
    await finish(clock, scheduler)
    await Promise.all(answers)
    expect([...refused].sort().join('')).toBe('oooopp')
  })

  test('is admitted where less of the waiting work goes before it', () => {
    const turns = new Turns()
    for (let at = 0; at < 8; at++) turns.take('other', 100)
    expect(turns.shareAhead('new', 100)).toBeGreaterThan(turns.shareAhead('paying', 100, 4))
  })

  test('has its weight in the claim of a request that is given back', () => {
    const turns = new Turns()
    const first = turns.take('paying', 100, 4)
    turns.giveBack(first)
    expect(turns.take('paying', 100, 4).start).toBe(first.start)
  })

  test('begins four times as many texts, keeps its places and its slots', () => {
    const clock = createManualClock()
    const queue = new SequenceQueue({ sequences: 10, tokens: 1_000 })
    const request = { prompt: [1], generated: 0, maxTokens: 1, stopTokens: [], sampling: {} }
    const streams = (wait: WaitOptions, count: number) =>
      Array.from(
        { length: count },
        () => new SequenceStream(request, clock, 'normal', queue.takeTurn(wait, 10), () => {}),
      )
    for (const stream of [...streams(other, 5), ...streams(paying, 5)]) queue.push(stream)
    const order = queue.all.map(({ turn }) => turn?.caller)
    expect(order.slice(0, 5).filter((caller) => caller === 'paying')).toHaveLength(4)
    // The other has 5 places; the paying caller has the share of 1.25 by its five.
    expect(queue.placesFor(1, 1, paying)?.map(({ turn }) => turn?.caller)).toEqual(['other'])
    expect(queue.placesFor(1, 1, other)).toBeUndefined()
    const running = [...streams(paying, 3), ...streams(other, 2)]
    expect(sequenceToInterrupt(running)?.turn?.caller).toBe('other')
  })

  test('has more requests with an upstream', () => {
    const mostOf = (wait: WaitOptions) => {
      const limit = new InFlightLimit('model', 100)
      let own = 0
      for (; !limit.refusal(wait, 1); own++) limit.take(wait.caller)
      return own
    }
    expect(mostOf(other)).toBe(80)
    expect(mostOf(paying)).toBeGreaterThan(90)
  })
})

describe('an entry of the file of keys', () => {
  const parse = (more: object) =>
    parseKeysFile({ keys: [{ ...testKey('shop').entry, ...more }] }, 'keys.json')[0] ?? expect.fail()

  /** A request whose caller has the key. */
  const requestOf = (key: Variables['key']) => {
    const variables: Partial<Variables> = { caller: 'key shop', ...(key && { key }) }
    return { get: <K extends keyof Variables>(name: K) => variables[name] as Variables[K] }
  }

  test('bounds the priority that its requests may ask for', () => {
    const request = requestOf(parse({ highestPriority: 'normal', weight: 4 }))
    expect(turnOptions(request, 'high')).toEqual({ caller: 'key shop', weight: 4, priority: 'normal' })
    expect(turnOptions(request, 'low').priority).toBe('low')
    expect(turnOptions(requestOf(parse({ highestPriority: 'low' }))).priority).toBe('low')
    expect(turnOptions(requestOf(parse({})), 'high')).toMatchObject({ priority: 'high', weight: undefined })
    expect(turnOptions(requestOf(undefined), 'high').priority).toBe('high')
  })

  test.each([
    ['weight', 0],
    ['weight', 0.5],
    ['weight', 101],
    ['highestPriority', 'urgent'],
  ])('is refused with %s %s', (field, value) => {
    expect(() => parse({ [field]: value })).toThrow(field)
  })
})
