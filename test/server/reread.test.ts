import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { checkInputs, type Manifest } from '../../models/core/index.ts'
import { readCatalogue } from '../../server/inference/catalogue.ts'
import { createCpuInference } from '../support/cpu-inference.ts'
import { createManualClock } from '../support/manual-clock.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { copyDigits, digitsManifest, emptyFolder, writeDigits } from '../support/test-models.ts'

const body = JSON.stringify({
  inputs: [{ name: 'image', datatype: 'FP32', shape: [1, 1, 28, 28], data: new Array(784).fill(0.5) }],
})

const infer = (server: TestServer, model: string) =>
  fetch(new URL(`v2/models/${model}/infer`, server.url), { method: 'POST', body })

const variantOf = async (server: TestServer, model: string) =>
  (await (await infer(server, model)).json()).parameters?.variant

const listed = async (server: TestServer): Promise<string[]> => {
  const { models } = await (await fetch(new URL('models/catalogue.json', server.url))).json()
  return models.map(({ id }: Manifest) => id)
}

const logged = (server: TestServer, text: string) =>
  expect.poll(() => server.log.map(({ msg }) => String(msg))).toContainEqual(expect.stringContaining(text))

const fp32 = digitsManifest.variants.filter(({ id }) => id === 'fp32')

describe('a server that gets SIGHUP', () => {
  test('offers added, changed and removed models, and drops no request meanwhile', async () => {
    const folder = await emptyFolder()
    await writeDigits(folder, 'changed')
    await writeDigits(folder, 'removed')
    const server = await startServer({ SPILLWAY_MODELS: folder })
    expect(await variantOf(server, 'changed')).toBe('q8')
    let isOver = false
    const statuses: number[] = []
    // One of each model: where others wait, a busy server may refuse one.
    const callers = ['digits', 'changed'].map(async (model) => {
      while (!isOver) statuses.push((await infer(server, model)).status)
    })
    await writeDigits(folder, 'added')
    await writeDigits(folder, 'changed', { variants: fp32 })
    await rm(join(folder, 'removed'), { recursive: true })
    process.kill(server.pid, 'SIGHUP')
    await logged(server, 'changed was replaced')
    expect(await variantOf(server, 'changed')).toBe('fp32')
    expect(await variantOf(server, 'added')).toBe('q8')
    expect((await infer(server, 'removed')).status).toBe(404)
    expect(await listed(server)).toEqual(expect.arrayContaining(['digits', 'added', 'changed']))
    expect(await listed(server)).not.toContain('removed')
    expect((await fetch(new URL('v2/health/ready', server.url))).status).toBe(200)
    isOver = true
    await Promise.all(callers)
    expect(statuses.length).toBeGreaterThan(10)
    expect(new Set(statuses)).toEqual(new Set([200]))
    expect(server.log).toContainEqual(
      expect.objectContaining({ added: ['added'], changed: ['changed'], removed: ['removed'] }),
    )

    await writeFile(join(folder, 'added', 'manifest.json'), '{}')
    await writeDigits(folder, 'another')
    process.kill(server.pid, 'SIGHUP')
    await logged(server, 'could not be reread: what it had before is still offered')
    expect((await infer(server, 'added')).status).toBe(200)
    // The fault keeps no other model from being loaded.
    await expect.poll(async () => (await infer(server, 'another')).status).toBe(200)

    // A changed model that cannot be loaded does not replace the one that is offered.
    await writeDigits(folder, 'added')
    await writeDigits(folder, 'changed', { variants: fp32, description: 'Broken.' })
    await writeFile(join(folder, 'changed', 'fp32', 'model.onnx'), 'nothing')
    process.kill(server.pid, 'SIGHUP')
    await logged(server, 'changed could not be loaded')
    const answer = await infer(server, 'changed')
    // With its text, so that a failure says why.
    expect([answer.status, await answer.text()]).toEqual([200, expect.stringContaining('fp32')])
    expect(await server.stop()).toBe(0)
  })
})

test('a retired model leaves its lane when no request came for a while', async () => {
  const clock = createManualClock()
  const inference = createCpuInference({ queue: { requests: 10 }, clock })
  const [entry] = (await readCatalogue([await copyDigits((manifest) => manifest)])).values()
  if (!entry) throw new Error('There is no model')
  await inference.prepare(entry)
  const sessions = () => inference.stats().lanes.flatMap((lane) => lane.sessions)
  expect(sessions()).toHaveLength(1)
  inference.retire(entry)
  const inputs = checkInputs(digitsManifest, { image: new Float32Array(784) })
  await inference.run(entry, inputs, {})
  clock.advance(29_000)
  expect(sessions()).toHaveLength(1)
  clock.advance(1_000)
  await expect.poll(sessions).toHaveLength(0)
  inference.close()
})
