import { describe, expect, test } from 'vitest'
import { answerBridged } from '../../web/placement/bridged-request.ts'
import { deferred } from '../support/deferred.ts'

function bridge(signal?: AbortSignal) {
  const server = deferred<string>()
  const device = deferred<string>()
  const signals: { server?: AbortSignal; device?: AbortSignal } = {}
  const waiting = new Set<() => void>()
  const answer = answerBridged({
    signal,
    askServer: (signal) => {
      signals.server = signal
      return server.promise
    },
    askDevice: (signal) => {
      signals.device = signal
      return device.promise
    },
    whenReady: (callback) => {
      waiting.add(callback)
      return () => waiting.delete(callback)
    },
  })
  const becomeReady = () => {
    for (const callback of waiting) callback()
  }
  return { answer, server, device, signals, waiting, becomeReady }
}

describe('a bridged request', () => {
  test('is answered by the server, and does not ask a device that is ready later', async () => {
    const { answer, server, signals, waiting } = bridge()
    server.resolve('server')
    expect(await answer).toBe('server')
    expect(waiting.size).toBe(0)
    expect(signals.device).toBeUndefined()
  })

  test('is answered by the device that is ready first, and aborts the request to the server', async () => {
    const { answer, device, signals, becomeReady } = bridge()
    becomeReady()
    expect(signals.server?.aborted).toBe(false)
    device.resolve('device')
    expect(await answer).toBe('device')
    expect(signals.server?.aborted).toBe(true)
  })

  test('is answered by the server where that is faster than the ready device, whose run is aborted', async () => {
    const { answer, server, signals, becomeReady } = bridge()
    becomeReady()
    server.resolve('server')
    expect(await answer).toBe('server')
    expect(signals.device?.aborted).toBe(true)
  })

  test.each(['server', 'device'] as const)(
    'waits for the other place where the %s fails',
    async (failing) => {
      const bridged = bridge()
      bridged.becomeReady()
      bridged[failing].reject(new Error(failing))
      await new Promise(setImmediate)
      const other = failing === 'server' ? 'device' : 'server'
      bridged[other].resolve(other)
      expect(await bridged.answer).toBe(other)
    },
  )

  test('fails as its server did where both fail', async () => {
    const { answer, server, device, becomeReady } = bridge()
    becomeReady()
    server.reject(new Error('server'))
    device.reject(new Error('device'))
    await expect(answer).rejects.toThrow('server')
  })

  test('is aborted at both places when its caller leaves', () => {
    const caller = new AbortController()
    const { signals, becomeReady, answer, server } = bridge(caller.signal)
    becomeReady()
    caller.abort()
    expect([signals.server?.aborted, signals.device?.aborted]).toEqual([true, true])
    server.reject(new Error('left'))
    answer.catch(() => undefined)
  })
})
