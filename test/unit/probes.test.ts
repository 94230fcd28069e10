import { describe, expect, test } from 'vitest'
import { ModelCatalogue } from '../../server/inference/catalogue.ts'
import type { ModelState } from '../../server/inference/inference.ts'
import { createProbes } from '../../server/probes.ts'
import { digitsManifest } from '../support/test-models.ts'

/** A server's probes, and what they see. */
function create(states: Record<string, ModelState>) {
  const server = { states, withoutLaneMs: 0, restarts: 0, isDraining: false }
  const catalogue = new ModelCatalogue(
    Object.keys(states).map((id) => ({ manifest: { ...digitsManifest, id }, folder: '' })),
  )
  const probes = createProbes({
    catalogue,
    inference: {
      state: ({ manifest }) => server.states[manifest.id] ?? 'loading',
      withoutLaneMs: () => server.withoutLaneMs,
      restartLanes: () => {
        server.restarts++
      },
    },
    isDraining: () => server.isDraining,
  })
  return { probes, server }
}

describe('a server is ready', () => {
  test('when every model has been loaded or has failed, and one is ready', () => {
    const { probes, server } = create({ a: 'loading', b: 'loading' })
    expect(() => probes.checkReady()).toThrow(
      'expected every model to have been loaded, got a loading, b loading',
    )
    server.states = { a: 'ready', b: 'loading' }
    expect(() => probes.checkReady()).toThrow('got b loading')
    server.states = { a: 'ready', b: 'failed' }
    expect(probes.checkReady()).toEqual(['b'])
    server.states = { a: 'failed', b: 'failed' }
    expect(() => probes.checkReady()).toThrow('expected a model that is ready, got a failed, b failed')
  })

  test('while a model that was added later is being loaded', () => {
    const { probes, server } = create({ a: 'ready', b: 'ready' })
    expect(probes.checkReady()).toEqual([])
    server.states = { a: 'ready', b: 'loading' }
    expect(probes.checkReady()).toEqual(['b'])
  })

  test('no more once it drains, and is still alive', () => {
    const { probes, server } = create({ a: 'ready' })
    server.isDraining = true
    expect(() => probes.checkReady()).toThrow(expect.objectContaining({ code: 'server_draining' }))
    probes.checkLive()
  })
})

test('a server without a lane that starts is not alive, and each probe tries to start one', () => {
  const { probes, server } = create({ a: 'ready' })
  probes.checkLive()
  server.withoutLaneMs = 2_500
  expect(() => probes.checkLive()).toThrow(
    'No lane can be started: expected a lane that starts, got none for 3 s',
  )
  expect(server.restarts).toBe(1)
})
