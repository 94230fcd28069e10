import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { systemClock } from '../../models/async/clock.ts'
import type { Manifest } from '../../models/core/index.ts'
import { makeManifest, writeManifest } from '../../models/tools/manifest/write.ts'
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.ts'
import { openRemoteTier } from '../support/remote-tier.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { type SmallGraph, smallGraphs } from '../support/small-models.ts'
import { emptyFolder } from '../support/test-models.ts'

const manifests = new Map<SmallGraph, Manifest>()
let server: TestServer
let proxy: FaultProxy

beforeAll(async () => {
  const root = await emptyFolder()
  for (const graph of ['twice', 'padsRows', 'shareOfMax'] as const) {
    const folder = join(root, graph)
    mkdirSync(folder)
    writeFileSync(join(folder, 'model.onnx'), smallGraphs[graph])
    const { batching: _batching, ...made } = await makeManifest(folder)
    // As earlier versions wrote it.
    const manifest: Manifest = { ...made, batchAxis: 0 }
    writeManifest(join(folder, 'manifest.json'), manifest)
    manifests.set(graph, manifest)
  }
  server = await startServer({ SPILLWAY_MODELS: root })
  proxy = await startFaultProxy(server.url)
})
afterAll(async () => {
  await proxy.stop()
  await server.stop()
})

/** Answers of a page's requests alone and together, and how many requests the server got for those together. */
async function ask(graph: SmallGraph, change: Partial<Manifest> = {}) {
  const manifest: Manifest = { ...(manifests.get(graph) ?? expect.fail()), ...change }
  const remote = openRemoteTier(proxy.url, systemClock)
  const submit = async (value: number) => {
    const x = { type: 'float32', data: Float32Array.of(value, 2 * value, 4 * value), shape: [1, 3] } as const
    return (await remote.submit(manifest, { inputs: { x }, rows: 1, askedAt: systemClock.now() }, {})).outputs
  }
  const values = [1, 10, 100]
  const alone = []
  for (const value of values) alone.push(await submit(value))
  const sent = () => proxy.seen.filter(({ path }) => path.endsWith('/infer')).length
  const before = sent()
  const together = await Promise.all(values.map(submit))
  const first = sent() - before
  expect(await Promise.all(values.map(submit))).toEqual(together)
  remote.close()
  return { alone, together, first, later: sent() - before - first }
}

describe('requests of a page to its server', () => {
  test('share a request where rows are known to be independent', async () => {
    const { alone, together, first } = await ask('twice', { batching: { evidence: 'proven' } })
    expect(together).toEqual(alone)
    expect(first).toBe(1)
  })

  test('run alone where an answer does not have their rows, as later ones do', async () => {
    const { alone, together, first, later } = await ask('padsRows', { batching: { evidence: 'proven' } })
    expect(together).toEqual(alone)
    expect({ first, later }).toEqual({ first: 4, later: 3 })
  })

  test('are sent one by one where nothing shows that rows are independent', async () => {
    const { alone, together, first } = await ask('shareOfMax')
    expect(together).toEqual(alone)
    expect(first).toBe(3)
  })
})
