import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, test, vi } from 'vitest'
import type { KvSpec } from '../../models/core/kv-spec.ts'
import { externalWeights, layOutExternalData } from '../../models/tools/onnx/external.ts'
import { parseModel } from '../../models/tools/onnx/read.ts'
import { modelChunks } from '../../models/tools/onnx/write.ts'
import { createSession } from '../../workers/lane/engine/create-session.ts'
import { DecoderGraph } from '../../workers/lane/kv/decoder-graph.ts'
import { InPlaceKv } from '../../workers/lane/kv/in-place-kv.ts'
import { arrayMemory } from '../../workers/lane/node/array-kv-memory.ts'
import { loadOrt } from '../../workers/lane/node/load-ort.ts'
import { isRefusal, withRefusedOutput } from '../../workers/lane/node/refused-output.ts'
import type { Ort, OrtSession } from '../../workers/lane/runtime/ort.ts'
import type { GraphSource, LoadRequest } from '../../workers/protocol/lane.ts'
import { kvContract } from '../contract/kv.ts'
import { bytesOf } from '../contract/token-requests.ts'
import { emptyFolder } from '../support/test-models.ts'

const stories = inject('stories')
const absent = 'absent' in stories ? stories.absent : undefined

describe.skipIf(absent)(`A decoder whose runs return nothing${absent ? `: ${absent}` : ''}`, () => {
  if ('absent' in stories) return
  const { manifest, reference } = stories
  const { generation } = manifest
  if (!generation) throw new Error('no language model')
  const spec: KvSpec = { ...generation.kv, type: 'float32' }
  const bytes = new Uint8Array(bytesOf(stories.graph))
  const request: Omit<LoadRequest, 'source'> = {
    session: manifest.id,
    backend: 'cpu',
    inputs: manifest.inputs,
    outputs: manifest.outputs,
    batchAxis: 0,
    generate: { spec: generation, kvType: 'float32', slots: 2, maxSlots: 2, maxBytes: 2 ** 24 },
  }
  let ort: Ort
  let session: OrtSession
  beforeAll(async () => {
    ort = await loadOrt({ threads: 1 })
    session = await open({ from: 'bytes', graph: bytes.slice().buffer, external: [] }, bytes)
  })
  afterAll(() => session.release())

  const open = (source: GraphSource, graph: Uint8Array) => createSession(ort, { ...request, source }, graph)

  const kvOf = (session: OrtSession) => {
    const memory = arrayMemory(ort.createTensor, session)
    const graph = new DecoderGraph(ort, memory.session, spec.layers, generation.vocabulary, {
      writesLogits: memory.writesOutputs,
    })
    return new InPlaceKv(graph, memory, spec, { slots: 2, capacity: 64 })
  }

  kvContract({
    open: async () => kvOf(session),
    canTruncate: true,
    tokens: reference.tokens,
    logits: reference.logits,
  })

  test('has no output copied where all are written in place', async () => {
    const run = vi.spyOn(session, 'run')
    const kv = kvOf(session)
    const step = () => kv.decode([{ slot: 0, token: 1 }], 'all')
    // The first run shows the shape of its logits.
    await step()
    await expect(run.mock.results.at(-1)?.value).resolves.toHaveProperty('logits')
    const refused = async () =>
      isRefusal(await run.mock.results.at(-1)?.value.catch((cause: unknown) => cause))
    await step()
    expect(await refused()).toBe(true)
    // Nor with more rows than there were before.
    const rows = [0, 1].map((slot) => ({ slot, token: 1 }))
    expect(await kv.decode(rows, 'all')).toHaveLength(2)
    expect(await refused()).toBe(true)
    kv.dispose()
    run.mockRestore()
  })

  test('tells of a run that fails before its outputs are written', async () => {
    const memory = arrayMemory(ort.createTensor, session)
    const ids = ort.createTensor('int64', BigInt64Array.of(1n), [1, 1])
    await expect(memory.session.run({ input_ids: ids }, {})).rejects.toThrow('attention_mask')
  })

  test('has its weights from files beside its graph', async () => {
    const folder = await emptyFolder()
    const path = join(folder, 'model.onnx')
    const model = parseModel(bytes)
    const places = layOutExternalData(model, 'model.onnx_data')
    expect(places.size).toBeGreaterThan(10)
    const graph = new Uint8Array(Buffer.concat([...modelChunks(model, places)]))
    writeFileSync(path, graph)
    const weights = externalWeights(model, places)
    const data = Buffer.alloc(Math.max(...weights.map(([, { offset, length }]) => offset + length)))
    for (const [weight, { offset }] of weights) data.set(weight.bytes(), offset)
    writeFileSync(join(folder, 'model.onnx_data'), data)

    const apart = await open({ from: 'file', path }, graph)
    expect(apart.outputNames[0]).toBe('spillway.refused')
    expect(graph).toHaveLength(0)
    const kv = kvOf(apart)
    const logits = await kv.prefill(0, reference.tokens.slice(0, 8), 'all')
    const expected = reference.logits[7] ?? []
    expect(expected.length).toBeGreaterThan(0)
    for (const [token, value] of expected.entries()) expect(logits?.values[token]).toBeCloseTo(value, 3)
    kv.dispose()
    await apart.release()
  })

  test('is loaded as it is where it cannot have the output', async () => {
    const warn = vi.spyOn(console, 'warn').mockReturnValue()
    const graph = withRefusedOutput(bytes)
    const asItIs = await open({ from: 'bytes', graph: graph.slice().buffer, external: [] }, graph)
    expect(asItIs.outputNames.slice(0, 2)).toEqual(['spillway.refused', 'logits'])
    expect(warn.mock.calls.flat().join()).toContain(`the runs of ${manifest.id} copy all keys and values`)
    warn.mockRestore()
    await asItIs.release()
  })
})
