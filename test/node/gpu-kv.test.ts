import { afterAll, beforeAll, describe, inject, vi } from 'vitest'
import type { KvSpec } from '../../models/core/kv-spec.ts'
import { DecoderGraph } from '../../workers/lane/kv/decoder-graph.ts'
import { InPlaceKv } from '../../workers/lane/kv/in-place-kv.ts'
import { loadOrt } from '../../workers/lane/node/load-ort.ts'
import { type Ort, type OrtSession, quiet } from '../../workers/lane/runtime/ort.ts'
import { kvContract } from '../contract/kv.ts'
import { bytesOf } from '../contract/token-requests.ts'
import { hasVulkanLoader, softwareVulkan } from '../support/software-vulkan.ts'

const stories = inject('stories')
const software = softwareVulkan()
const absent =
  'absent' in stories
    ? stories.absent
    : software === undefined || !hasVulkanLoader()
      ? 'no Vulkan loader with a software driver beside Chromium'
      : undefined

describe.skipIf(absent)(
  `Keys and values on a server's GPU${absent === undefined ? '' : `: ${absent}`}`,
  () => {
    if ('absent' in stories) return
    const { generation } = stories.manifest
    if (!generation) throw new Error('no language model')
    const spec: KvSpec = { ...generation.kv, type: 'float32' }
    let ort: Ort
    let session: OrtSession
    beforeAll(async () => {
      vi.stubEnv('VK_ICD_FILENAMES', software?.driver)
      ort = await loadOrt({ threads: 1 })
      const options = { ...(await ort.sessionOptions('webgpu')), ...quiet }
      session = await ort.InferenceSession.create(new Uint8Array(bytesOf(stories.graph)), options)
    })
    afterAll(async () => {
      vi.unstubAllEnvs()
      await session.release()
    })

    kvContract({
      open: async () => {
        const memory = await ort.memory('webgpu', session)
        if (!memory?.session) throw new Error('The runtime gives no memory of the GPU')
        const graph = new DecoderGraph(ort, memory.session, spec.layers, generation.vocabulary)
        return new InPlaceKv(graph, memory, spec, { slots: 2, capacity: 64 })
      },
      canTruncate: true,
      tokens: stories.reference.tokens,
      logits: stories.reference.logits,
    })
  },
)
