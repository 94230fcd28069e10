import { systemClock } from '../../../models/async/clock.ts'
import type { Backend } from '../../../models/core/index.ts'
import type { KvSpec } from '../../../models/core/kv-spec.ts'
import type { GenerateSetup } from '../../protocol/lane.ts'
import { Formats } from '../format/formats.ts'
import { DecoderGraph } from '../kv/decoder-graph.ts'
import { GatheredKv } from '../kv/gathered-kv.ts'
import { InPlaceKv } from '../kv/in-place-kv.ts'
import type { Kv, KvShape } from '../kv/kv.ts'
import { PerSequenceKv } from '../kv/per-sequence-kv.ts'
import type { Ort, OrtSession, TensorMemory } from '../runtime/ort.ts'
import { createSampler } from '../sampling/sampler.ts'
import { Decoder } from './decoder.ts'
import { yieldToEventLoop } from './yield-to-event-loop.ts'

/** Tokens of a slot before any sequence needed more. */
const firstCapacity = 256

/**
 * A decoder over a session. Its keys and values are kept in the way that is fastest on the backend. A first run checks
 * the graph and compiles its shaders.
 */
export async function createDecoder(
  ort: Ort,
  session: OrtSession,
  backend: Backend,
  { spec, kvType, maxSlots, maxBytes }: GenerateSetup,
  exclusive: <T>(work: () => Promise<T>) => Promise<T>,
): Promise<Decoder> {
  const memory = spec.batched === true ? await ort.memory(backend, session) : undefined
  const graph = new DecoderGraph(ort, memory?.session ?? session, spec.kv.layers, spec.vocabulary)
  const shape = { slots: 1, capacity: Math.min(firstCapacity, spec.context) }
  const kv = createKv(ort, graph, memory, { ...spec.kv, type: kvType }, shape, spec.batched === true)
  try {
    await kv.decode([{ slot: 0, token: 0 }], 'all')
  } catch (cause) {
    kv.dispose()
    throw cause
  }
  kv.truncate(0, 0)
  return new Decoder({
    kv,
    context: spec.context,
    maxSlots,
    maxBytes,
    selected: graph.selected,
    createSampler,
    formats: ort.startFormatWorker && new Formats(ort.startFormatWorker, systemClock, spec.vocabulary),
    exclusive,
    yieldToEventLoop,
    clock: systemClock,
  })
}

function createKv(
  ort: Ort,
  graph: DecoderGraph,
  memory: TensorMemory | undefined,
  spec: KvSpec,
  shape: KvShape,
  batched: boolean,
): Kv {
  if (!batched) return new PerSequenceKv(graph, ort, spec, shape)
  return memory ? new InPlaceKv(graph, memory, spec, shape) : new GatheredKv(graph, ort, spec, shape)
}
