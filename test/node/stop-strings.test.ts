import { afterAll, beforeAll, expect, test } from 'vitest'
import { systemClock } from '../../models/async/clock.ts'
import type { Inference } from '../../server/inference/inference.ts'
import { createTextService } from '../../server/inference/text-service.ts'
import type { TextGenerator } from '../../workers/host/text/types.ts'
import { bardFolder, bardManifest } from '../support/bard-variants.ts'
import { createCpuInference } from '../support/cpu-inference.ts'
import { createTestOffload } from '../support/offload.ts'

let inference: Inference
let generator: TextGenerator
beforeAll(async () => {
  inference = createCpuInference()
  const service = createTextService(inference, systemClock, createTestOffload())
  generator = await service.generator({ entry: { manifest: bardManifest, folder: bardFolder } })
})
afterAll(() => inference.close())

const request = { prompt: 'Once upon a time', maxTokens: 60, seed: 7 }

async function read(more: object) {
  const stream = generator.generate({ ...request, ...more })
  let pieces = ''
  for await (const { text } of stream) pieces += text
  return { pieces, result: await stream.result }
}

test('a text of a real lane ends as stop before a stop string, and its slot is free', async () => {
  const { result: full } = await read({})
  expect(full.finish).toBe('length')
  const stop = full.text.slice(40, 46)
  const before = full.text.slice(0, full.text.indexOf(stop))
  const { pieces, result } = await read({ stop })
  expect(result).toMatchObject({ text: before, finish: 'stop' })
  expect(pieces).toBe(before)
  expect(result.tokens.length).toBeLessThan(full.tokens.length)
  // Nobody reads the pieces of these, and others share their steps.
  const unread = Array.from({ length: 8 }, () => generator.generate({ ...request, stop }).result)
  for (const one of await Promise.all(unread)) expect(one).toMatchObject({ text: before, finish: 'stop' })
  await expect.poll(() => generator.load).toMatchObject({ running: 0, waiting: 0 })
})

test('a reader of a real lane that leaves has its text so far, as stop', async () => {
  const stream = generator.generate({ ...request, maxTokens: 400, ignoreStopTokens: true })
  let text = ''
  for await (const piece of stream) {
    text += piece.text
    if (text.length > 20) break
  }
  const result = await stream.result
  expect(result.finish).toBe('stop')
  expect(result.text.startsWith(text)).toBe(true)
  await expect.poll(() => generator.load).toMatchObject({ running: 0, waiting: 0 })
})
