import { expect, test } from 'vitest'
import { SpillwayError } from '../../models/core/index.ts'
import { createInference } from '../../server/inference/inference.ts'
import { createManualClock } from '../support/manual-clock.ts'
import { digitsManifest } from '../support/test-models.ts'

/** Lanes that never start. */
const open = () =>
  createInference({
    backends: ['cpu'],
    cores: 1,
    memoryBudget: 2 ** 30,
    queue: { requests: 10 },
    startLane: () => {
      throw new SpillwayError('lane_failed', 'No process can be started')
    },
    clock: createManualClock(),
  })

test('a model without a variant for the server has no queue, and refuses requests with the reason', () => {
  const inference = open()
  const variants = digitsManifest.variants.map((variant) => ({ ...variant, backends: ['webgpu' as const] }))
  const entry = { manifest: { ...digitsManifest, variants }, folder: '/models/digits' }
  expect(inference.queueMs(entry)).toBe(0)
  expect(inference.refusal(entry, {})).toMatchObject({ code: 'capacity_insufficient' })
  inference.close()
})

test('a model that is unloaded while its load fails stays unloaded', async () => {
  const inference = open()
  const entry = { manifest: digitsManifest, folder: '/models/digits' }
  const preparing = inference.prepare(entry)
  inference.unload(entry)
  inference.close()
  await expect(preparing).rejects.toBeInstanceOf(SpillwayError)
  expect(inference.state(entry)).toBe('unloaded')
})
