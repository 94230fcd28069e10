import { describe, expect, test } from 'vitest'
import { SpillwayError } from '../../models/core/index.ts'
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
})
