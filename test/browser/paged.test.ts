import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { bytesPerToken } from '../../models/core/kv-spec.ts'
import { runtimeFiles } from '../../workers/host/lane-client/browser/runtime-files.ts'
import { loadOrt } from '../../workers/lane/browser/load-ort.ts'
import { createDecoder } from '../../workers/lane/decode/create-decoder.ts'
import { createKv } from '../../workers/lane/kv/create-kv.ts'
import type { Ort, OrtSession } from '../../workers/lane/runtime/ort.ts'
import { kvContract } from '../contract/kv.ts'
import { pagedDecoderContract } from '../contract/paged-decoder.ts'
import { bytesOf } from '../contract/token-requests.ts'

const stories = inject('stories')
const adapter = await navigator.gpu?.requestAdapter()
const absent =
  'absent' in stories
    ? stories.absent
    : adapter?.features.has('shader-f16')
      ? undefined
      : 'This adapter has no 16-bit floats. SPILLWAY_TEST_GPU=1 takes the GPU of this machine.'

/** `pagedSession` passes the same suites on every machine. */
describe.skipIf(absent)(`PagedAttention on WebGPU${absent ? `: ${absent}` : ''}`, () => {
  if ('absent' in stories) return
  const { generation } = stories.manifest
  if (!generation) throw new Error('no language model')
  const setup = {
    spec: generation,
    kvType: 'float16' as const,
    slots: 16,
    maxSlots: 16,
    maxBytes: 2 ** 26,
    isExact: true,
  }
  let ort: Ort
  let session: OrtSession
  beforeAll(async () => {
    ort = await loadOrt({ threads: 1 }, runtimeFiles())
    const options = await ort.sessionOptions('webgpu')
    session = await ort.InferenceSession.create(new Uint8Array(bytesOf(stories.paged)), options)
  })
  afterAll(() => session.release())

  kvContract({
    open: async () => {
      const { kv } = await createKv(ort, session, 'webgpu', setup)
      kv.resize({ slots: 2, capacity: 64 }, [])
      return kv
    },
    canTruncate: true,
    tokens: stories.reference.tokens,
    logits: stories.reference.logits,
    // Halves have eleven bits.
    tolerance: 0.1,
  })

  pagedDecoderContract({
    open: (tokens) => {
      const maxBytes = tokens * bytesPerToken({ ...generation.kv, type: 'float16' })
      return createDecoder(
        ort,
        session,
        'webgpu',
        { ...setup, maxBytes },
        (work) => work(),
        async () => undefined,
      )
    },
    cases: stories.cases,
  })

  test('is not run elsewhere', async () => {
    await expect(createKv(ort, session, 'webgpu', { ...setup, kvType: 'float32' })).rejects.toMatchObject({
      code: 'model_invalid',
    })
  })
})
