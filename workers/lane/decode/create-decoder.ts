import { systemClock } from '../../../models/async/clock.ts'
import { type Backend, messageOf } from '../../../models/core/index.ts'
import type { KvSpec } from '../../../models/core/kv-spec.ts'
import type { GenerateSetup } from '../../protocol/lane.ts'
import { Formats } from '../format/formats.ts'
import { DecoderGraph } from '../kv/decoder-graph.ts'
import { GatheredKv } from '../kv/gathered-kv.ts'
import { InPlaceKv } from '../kv/in-place-kv.ts'
import type { Kv, KvShape } from '../kv/kv.ts'
import { PerSequenceKv } from '../kv/per-sequence-kv.ts'
import type { Ort, OrtSession, TensorMemory } from '../runtime/ort.ts'
import { laneLost } from '../runtime/run-failure.ts'
import { cpuChooser } from '../sampling/cpu-chooser.ts'
import { createSampler } from '../sampling/sampler.ts'
import type { Chooser, Chosen, Logits } from '../sampling/types.ts'
import { Decoder } from './decoder.ts'
import { yieldToEventLoop } from './yield-to-event-loop.ts'

/** Tokens of a slot before any sequence needed more. */
const firstCapacity = 256

/** What a decoder needs to know of its model. */
export interface DecoderSetup extends GenerateSetup {
  /** As of the decoder's options. */
  readonly isExact: boolean
}

/**
 * A decoder over a session. Its keys and values are kept in the way that is fastest on the backend. A first run checks
 * the graph and compiles its shaders.
 */
export async function createDecoder(
  ort: Ort,
  session: OrtSession,
  backend: Backend,
  { spec, kvType, maxSlots, maxBytes, isExact }: DecoderSetup,
  exclusive: <T>(work: () => Promise<T>) => Promise<T>,
): Promise<Decoder> {
  const memory = spec.batched === true ? await ort.memory(backend, session) : undefined
  const graph = new DecoderGraph(
    ort,
    memory?.session ?? session,
    spec.kv.layers,
    spec.vocabulary,
    spec.adapters !== undefined,
  )
  const shape = { slots: 1, capacity: Math.min(firstCapacity, spec.context) }
  const kv = createKv(ort, graph, memory, { ...spec.kv, type: kvType }, shape, spec.batched === true)
  let chooser: Chooser
  try {
    const [logits] = await kv.decode([{ slot: 0, token: 0 }], 'all')
    kv.truncate(0, 0)
    const isOnGpu = backend === 'webgpu' && graph.selected === 0
    chooser = (isOnGpu && (await deviceChooser(ort, kv, graph, spec.vocabulary, logits))) || onCpu()
    kv.truncate(0, 0)
  } catch (cause) {
    kv.dispose()
    throw cause
  }
  return new Decoder({
    kv,
    context: spec.context,
    maxSlots,
    maxBytes,
    selected: graph.selected,
    isExact,
    chooser,
    formats: ort.startFormatWorker && new Formats(ort.startFormatWorker, systemClock, spec.vocabulary),
    exclusive,
    yieldToEventLoop,
    clock: systemClock,
  })
}

const onCpu = () => cpuChooser(createSampler)

/**
 * A chooser on the GPU, once it has chosen the same token as the CPU, from a run whose logits stayed there. Undefined
 * where the browser refuses its kernel, or the graph has logits of another shape: the CPU reads them then.
 */
async function deviceChooser(
  ort: Ort,
  kv: Kv,
  { logitsType }: DecoderGraph,
  vocabulary: number,
  logits: Logits | undefined,
): Promise<Chooser | undefined> {
  if (!ort.createChooser || !kv.decodeInto || !logits) return undefined
  let chooser: Chooser | undefined
  try {
    chooser = await ort.createChooser(vocabulary, logitsType)
    const { device } = chooser
    if (!device) return undefined
    const [row = 0] = await kv.decodeInto([{ slot: 0, token: 0 }], { logits: device.logits(1) })
    const first = { position: 1, choice: chooser.open(greedy, [0], 0), logits: { row } }
    const cpu = onCpu()
    const [expected] = await cpu.choose([{ ...first, choice: cpu.open(greedy, [0], 0), logits }])
    const [chosen] = await chooser.choose([first])
    if (isAsGood(chosen, expected, logits)) return chooser
    throw new Error('it chose another token than the CPU')
  } catch (cause) {
    chooser?.close()
    const lost = await ort.lost(cause)
    if (lost !== undefined) throw laneLost(lost, cause)
    // biome-ignore lint/suspicious/noConsole: Nothing fails, so no error would tell a developer why texts are slower.
    console.warn(`spillway: tokens are not chosen on the GPU: ${messageOf(cause)}`)
    return undefined
  }
}

const greedy = { temperature: 0 }

/** Likeliest tokens may differ where they are as good as equal: two runs may round in different ways. */
function isAsGood(chosen: Chosen | undefined, expected: Chosen | undefined, { values }: Logits): boolean {
  if (!chosen || !expected || !('token' in chosen) || !('token' in expected)) return chosen !== undefined
  return Math.abs((values[chosen.token] ?? Number.NaN) - (values[expected.token] ?? Number.NaN)) < 1e-3
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
