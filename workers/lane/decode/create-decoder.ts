import { systemClock } from '../../../models/async/clock.ts'
import { type Backend, messageOf } from '../../../models/core/index.ts'
import type { GenerateSetup } from '../../protocol/lane.ts'
import { Formats } from '../format/formats.ts'
import { createKv } from '../kv/create-kv.ts'
import type { Kv } from '../kv/kv.ts'
import type { Ort, OrtSession } from '../runtime/ort.ts'
import { laneLost } from '../runtime/run-failure.ts'
import { cpuChooser } from '../sampling/cpu-chooser.ts'
import { createSampler } from '../sampling/sampler.ts'
import type { Chooser, Chosen, Logits } from '../sampling/types.ts'
import { Decoder } from './decoder.ts'
import type { DraftModelOptions } from './draft-model.ts'
import type { RunsOptions } from './runs.ts'
import { yieldToEventLoop } from './yield-to-event-loop.ts'

/** What a decoder needs to know of its model. */
export interface DecoderSetup extends GenerateSetup {
  /** As of the decoder's options. */
  readonly isExact: boolean
}

/** A decoder over a session. @param openDraft Opens the draft model, where there is one that can run. */
export async function createDecoder(
  ort: Ort,
  session: OrtSession,
  backend: Backend,
  setup: DecoderSetup,
  exclusive: <T>(work: () => Promise<T>) => Promise<T>,
  openDraft: () => Promise<DraftModelOptions | undefined>,
): Promise<Decoder> {
  const { spec, slots, maxSlots, maxBytes, isExact } = setup
  const opened = await openGraph(ort, session, backend, setup)
  return new Decoder({
    ...opened,
    context: spec.context,
    slots,
    maxSlots,
    maxBytes,
    isExact,
    draft: await openDraft(),
    formats: ort.startFormatWorker && new Formats(ort.startFormatWorker, systemClock, spec.vocabulary),
    exclusive,
    yieldToEventLoop,
    clock: systemClock,
  })
}

/**
 * A graph's keys and values, kept in the way that is fastest on the backend, and what chooses from its logits. A first run
 * checks the graph and compiles its shaders.
 */
export async function openGraph(
  ort: Ort,
  session: OrtSession,
  backend: Backend,
  setup: Pick<GenerateSetup, 'spec' | 'kvType'>,
): Promise<RunsOptions> {
  const { vocabulary } = setup.spec
  const { kv, selected, logitsType } = await createKv(ort, session, backend, setup)
  try {
    const [logits] = await kv.decode([{ slot: 0, token: 0 }], 'all')
    kv.truncate(0, 0)
    const isOnGpu = backend === 'webgpu' && selected === 0
    const chooser = (isOnGpu && (await deviceChooser(ort, kv, logitsType, vocabulary, logits))) || onCpu()
    kv.truncate(0, 0)
    return { kv, chooser, selected }
  } catch (cause) {
    kv.dispose()
    throw cause
  }
}

const onCpu = () => cpuChooser(createSampler)

/**
 * A chooser on the GPU, once it has chosen the same token as the CPU, from a run whose logits stayed there. Undefined
 * where the browser refuses its kernel, or the graph has logits of another shape: the CPU reads them then.
 */
async function deviceChooser(
  ort: Ort,
  kv: Kv,
  logitsType: 'float32' | 'float16',
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
  if (!chosen || !expected) return false
  // Logits that no token can be chosen from are not the chooser's fault.
  if (!('token' in expected)) return !('token' in chosen)
  if (!('token' in chosen)) return false
  return Math.abs((values[chosen.token] ?? Number.NaN) - (values[expected.token] ?? Number.NaN)) < 1e-3
}
