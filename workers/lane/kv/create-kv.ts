import { type Backend, SpillwayError } from '../../../models/core/index.ts'
import type { GenerateSetup } from '../../protocol/lane.ts'
import type { Ort, OrtSession } from '../runtime/ort.ts'
import { DecoderGraph } from './decoder-graph.ts'
import { GatheredKv } from './gathered-kv.ts'
import { InPlaceKv } from './in-place-kv.ts'
import type { Kv } from './kv.ts'
import { isPaged, PagedGraph } from './paged/paged-graph.ts'
import { PagedKv } from './paged/paged-kv.ts'
import { PerSequenceKv } from './per-sequence-kv.ts'

/** Tokens of a slot before any sequence needed more. */
const firstCapacity = 256

/** Keys and values over a model's graph, and what of it decoding has to know. */
export interface OpenedKv {
  readonly kv: Kv
  /** How many of the likeliest tokens the graph can return instead of all logits; 0 where it cannot. */
  readonly selected: number
  readonly logitsType: 'float32' | 'float16'
}

/**
 * Keys and values that are kept in the way that is fastest for the graph on the backend.
 * @throws SpillwayError `model_invalid`
 */
export async function createKv(
  ort: Ort,
  session: OrtSession,
  backend: Backend,
  { spec: model, kvType }: Pick<GenerateSetup, 'spec' | 'kvType'>,
): Promise<OpenedKv> {
  const memory = model.batched === true ? await ort.memory(backend, session) : undefined
  const running = memory?.session ?? session
  const spec = { ...model.kv, type: kvType }
  const shape = { slots: 1, capacity: Math.min(firstCapacity, model.context) }
  if (isPaged(running)) {
    if (!memory || backend !== 'webgpu' || kvType !== 'float16') throw notPaged(backend, kvType)
    if (model.adapters) throw pagedWithoutAdapters()
    const graph = new PagedGraph(ort, running, spec.layers, model.vocabulary)
    const { logitsType } = graph
    return { kv: new PagedKv(graph, memory, spec, shape), selected: 0, logitsType }
  }
  const graph = new DecoderGraph(ort, running, spec.layers, model.vocabulary, {
    hasAdapters: model.adapters !== undefined,
    writesLogits: memory?.writesOutputs === true,
  })
  const { selected, logitsType } = graph
  const kv =
    model.batched !== true
      ? new PerSequenceKv(graph, ort, spec, shape)
      : memory
        ? new InPlaceKv(graph, memory, spec, shape)
        : new GatheredKv(graph, ort, spec, shape)
  return { kv, selected, logitsType }
}

/** Its blocks are shared by their tokens alone, and it has no adapters' matrices. */
const pagedWithoutAdapters = () =>
  new SpillwayError('model_invalid', 'A paged graph has no adapters', {
    expected: 'a manifest without generation.adapters',
    hint: 'Use another variant of the model.',
  })

const notPaged = (backend: Backend, kvType: string) =>
  new SpillwayError('model_invalid', 'A paged graph runs on WebGPU only, with 16-bit floats', {
    expected: 'webgpu, float16',
    got: `${backend}, ${kvType}`,
    hint: 'Use another variant of the model.',
  })
