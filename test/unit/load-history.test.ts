import { describe, expect, test } from 'vitest'
import { SpillwayError } from '../../models/core/index.ts'
import { LoadHistory } from '../../workers/host/pool/load-history.ts'
import { deferred } from '../support/deferred.ts'
import { createManualClock } from '../support/manual-clock.ts'
import { createManualPool as create, modelSpec as model } from '../support/manual-pool.ts'

describe('A pool', () => {
  test('loads a session that is fatal to its lanes ever more rarely, and in a lane of its own', async () => {
    const losses: string[] = []
    let isFatal = true
    const { ask, pass, lanes, alive } = create(
      {
        faultOfLoad: ({ session }) =>
          session === 'fatal' && isFatal ? new SpillwayError('lane_lost', 'Crashed') : undefined,
      },
      { onLoss: (session, message) => losses.push(`${session}: ${message}`) },
    )
    const askSoon = async (id: string) => {
      const outcome = ask(model(id))
      await pass(1_000)
      return outcome
    }
    expect(await askSoon('a')).toBe('answered')
    expect(await askSoon('fatal')).toBe('lane_failed')
    // The lane of the other session, and a new one.
    expect(lanes.filter(({ isAlive }) => !isAlive)).toHaveLength(2)
    expect(losses).toEqual([
      'fatal: Another lane tries to load it with graphOptimizationLevel "extended", as one was lost: Crashed',
    ])
    expect(await askSoon('a')).toBe('answered')
    const [survivor] = alive()
    const started = lanes.length
    expect(await askSoon('fatal')).toBe('lane_failed')
    expect(lanes).toHaveLength(started)
    await pass(10_000)
    expect(await askSoon('fatal')).toBe('lane_failed')
    expect(lanes.slice(started).map(({ name }) => name)).toEqual([expect.stringContaining('trial')])
    // Not after ten seconds again, but after a minute.
    await pass(10_000)
    expect(await askSoon('fatal')).toBe('lane_failed')
    expect(lanes).toHaveLength(started + 1)
    isFatal = false
    await pass(50_000)
    expect(await askSoon('fatal')).toBe('answered')
    expect(alive()).toEqual([survivor])
    expect([...(survivor?.sessions ?? [])]).toEqual(['a', 'fatal'])
  })

  test('loads a session without a warm-up after one that ended its lane', async () => {
    const warmedUp: string[] = []
    const { ask, pass, lanes, alive, pool } = create({
      faultOfWarmUp: (session) => {
        warmedUp.push(session)
        return session === 'endless' ? new SpillwayError('lane_lost', 'No answer') : undefined
      },
    })
    for (const id of ['a', 'endless', 'a', 'endless']) {
      const outcome = ask(model(id))
      await pass(1_000)
      expect(await outcome).toBe('answered')
    }
    expect(warmedUp).toEqual(['a', 'endless', 'a'])
    expect([lanes.length, alive().length]).toEqual([2, 1])
    expect([pool.allowsWarmUp(model('a')), pool.allowsWarmUp(model('endless'))]).toEqual([true, false])
  })

  test('does not blame a session for a lane that was lost before the load was sent', async () => {
    const losses: string[] = []
    const { ask, pass, lanes } = create({}, { onLoss: (session) => losses.push(session) })
    const files = deferred<void>()
    const source = model('a')
    const outcome = ask({ ...source, request: () => files.promise.then(source.request) })
    await pass(200)
    lanes[0]?.kill(new SpillwayError('lane_lost', 'Killed'))
    files.resolve()
    await pass(1_000)
    expect([await outcome, lanes.length, losses]).toEqual(['answered', 2, []])
  })

  test('loads a session that waits for the memory of a lane as soon as that lane is lost', async () => {
    const { ask, pass, lanes, pool } = create()
    expect(await Promise.race([ask(model('text', 900)), pass(1_000)])).toBe('answered')
    expect(pool.lease(model('text'))).toBeDefined()
    const outcome = ask(model('b', 200))
    await pass(1_000)
    lanes[0]?.kill(new SpillwayError('lane_lost', 'Killed'))
    await pass(1_000)
    expect(await Promise.race([outcome, 'pending'])).toBe('answered')
  })

  test('settles a load that waits for leased memory when it is closed', async () => {
    const { ask, pass, pool } = create()
    expect(await Promise.race([ask(model('text', 900)), pass(1_000)])).toBe('answered')
    expect(pool.lease(model('text'))).toBeDefined()
    const outcome = ask(model('b', 200))
    await pass(1_000)
    pool.close()
    await pass(100)
    expect(await Promise.race([outcome, 'pending'])).toBe('closed')
  })

  test('fails requests as lane_failed where the lane that tries a dangerous session does not start, and ends it when closed', async () => {
    const { ask, pass, lanes, alive, pool } = create({
      faultOfLoad: () => new SpillwayError('lane_lost', 'Crashed'),
    })
    const first = ask(model('fatal'))
    await pass(1_000)
    expect(await first).toBe('lane_failed')
    await pass(10_000)
    const second = ask(model('fatal'))
    await pass(50)
    expect(lanes.at(-1)?.name).toContain('trial')
    lanes.at(-1)?.kill(new SpillwayError('lane_lost', 'It did not start'))
    await pass(1_000)
    expect(await second).toBe('lane_failed')
    const third = ask(model('fatal'))
    await pass(50)
    expect(alive().map(({ name }) => name)).toEqual([expect.stringContaining('trial')])
    pool.close()
    expect(alive()).toEqual([])
    await pass(1_000)
    expect(await third).toBe('closed')
  })
})

test('A history lets a session load again at once when another lane could load it', () => {
  const history = new LoadHistory(createManualClock(), () => {})
  const lose = () => history.lostInLoad(model('a'), 0, new SpillwayError('lane_lost', 'Crashed'))
  lose()
  expect(lose).toThrow(expect.objectContaining({ code: 'lane_failed' }))
  expect(() => history.throwIfBackingOff('a')).toThrow()
  history.loaded('a')
  expect(() => history.throwIfBackingOff('a')).not.toThrow()
})
