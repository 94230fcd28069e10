import { zeroInputs } from '../../../models/core/axes.ts'
import {
  type Backend,
  elementCount,
  messageOf,
  SpillwayError,
  showShape,
  type Tensor,
  type TensorData,
  type TensorSpec,
  type TensorType,
  tensorTypes,
} from '../../../models/core/index.ts'
import type {
  BatchReply,
  BatchRequest,
  GenerateSetup,
  GraphSource,
  LoadReply,
  LoadRequest,
} from '../../protocol/lane.ts'
import { chainedOutputs, createDecoder } from '../decode/create-decoder.ts'
import type { Decoder } from '../decode/decoder.ts'
import { ranOutOfMemory } from './memory.ts'
import { hasOperator } from './operators.ts'
import type { Ort, OrtSession, OrtTensor } from './ort.ts'
import { laneLost, runFailure } from './run-failure.ts'

/** Sessions and their runs in one lane. */
export interface Engine {
  load(request: LoadRequest): Promise<LoadReply>
  run(batch: BatchRequest): Promise<BatchReply>
  unload(session: string): Promise<void>
  /** The decoder of a session that was loaded to generate. */
  decoder(session: string): Decoder
}

interface Loaded {
  readonly session: OrtSession
  readonly outputs: readonly TensorSpec[]
  readonly decoder?: Decoder
}

/**
 * The engine over an injected runtime; the same on both tiers.
 * One thing at a time: overlapping runs block onnxruntime-web for good, overlapping creates fail there.
 */
export function createEngine(ort: Ort): Engine {
  const sessions = new Map<string, Loaded>()
  const exclusive = createMutex()

  const load = async (request: LoadRequest): Promise<LoadReply> => {
    const started = performance.now()
    const { backend, outputs } = request
    const generate = request.generate && lookedInto(request.generate, request.source)
    const session = await createSession(ort, { ...request, generate })
    const loadMs = performance.now() - started
    let decoder: Decoder | undefined
    try {
      if (generate) decoder = await createDecoder(ort, session, backend, generate, exclusive)
      else {
        checkNames(request, session)
        const warmUp = zeroInputs(request)
        if (warmUp) await runSession(ort, session, warmUp, outputs)
      }
    } catch (cause) {
      await session.release()
      if (ranOutOfMemory(cause)) throw tooLarge(request.session, request.backend, cause)
      throw cause
    }
    await unload(request.session)
    sessions.set(request.session, { session, outputs, ...(decoder && { decoder }) })
    return { loadMs, warmUpMs: performance.now() - started - loadMs }
  }

  const find = (session: string): Loaded => {
    const loaded = sessions.get(session)
    if (loaded) return loaded
    throw new SpillwayError('internal', `No session "${session}" in this lane`)
  }

  const run = async ({ session, inputs }: BatchRequest): Promise<BatchReply> => {
    const loaded = find(session)
    if (loaded.decoder) {
      throw new SpillwayError('not_supported', `${session} is a language model`, {
        expected: 'sequences to continue',
        got: 'a batch of tensors',
        hint: 'Use the interfaces for text.',
      })
    }
    const started = performance.now()
    const outputs = await runSession(ort, loaded.session, inputs, loaded.outputs)
    return { outputs, computeMs: performance.now() - started }
  }

  const unload = async (session: string): Promise<void> => {
    const loaded = sessions.get(session)
    sessions.delete(session)
    loaded?.decoder?.close(new SpillwayError('lane_lost', `${session} was unloaded`))
    await loaded?.session.release()
  }

  return {
    load: (request) => exclusive(() => load(request)),
    run: (batch) => exclusive(() => run(batch)),
    unload: (session) => exclusive(() => unload(session)),
    decoder: (session) => {
      const { decoder } = find(session)
      if (decoder) return decoder
      throw new SpillwayError('internal', `${session} was not loaded to generate`)
    },
  }
}

/** Runs one piece of work after the other; one that fails does not fail the next. */
function createMutex() {
  let last: Promise<unknown> = Promise.resolve()
  return <T>(work: () => Promise<T>): Promise<T> => {
    const turn = last.then(work)
    last = turn.catch(() => undefined)
    return turn
  }
}

async function createSession(
  ort: Ort,
  { session, backend, source, generate }: LoadRequest,
): Promise<OrtSession> {
  const onGpu = generate && backend === 'webgpu' ? chainedOutputs(generate) : []
  const options = {
    ...(await ort.sessionOptions(backend)),
    ...(onGpu.length > 0 && {
      preferredOutputLocation: Object.fromEntries(onGpu.map((name) => [name, 'gpu-buffer' as const])),
    }),
  }
  try {
    if (source.from === 'file') return await ort.InferenceSession.create(source.path, options)
    const externalData = source.external.map(({ path, data }) => ({ path, data: new Uint8Array(data) }))
    return await ort.InferenceSession.create(new Uint8Array(source.graph), { ...options, externalData })
  } catch (cause) {
    if (ranOutOfMemory(cause)) throw tooLarge(session, backend, cause)
    const lost = await ort.lost()
    if (lost !== undefined) throw laneLost(lost, cause)
    throw new SpillwayError(
      'model_invalid',
      `ONNX Runtime cannot load ${session} on ${backend}: ${messageOf(cause)}`,
      { hint: 'Check that the file is an ONNX model whose operators this backend has.' },
      { cause },
    )
  }
}

/** A manifest that was made without its graph does not say whether sequences may share a step; the graph does. */
function lookedInto(setup: GenerateSetup, source: GraphSource): GenerateSetup {
  if (setup.spec.batched !== undefined || source.from === 'file') return setup
  const batched = hasOperator(new Uint8Array(source.graph), 'GroupQueryAttention')
  return { ...setup, spec: { ...setup.spec, batched } }
}

const tooLarge = (session: string, backend: Backend, cause: unknown) =>
  new SpillwayError(
    'capacity_insufficient',
    `${session} finds too little memory on ${backend}: ${messageOf(cause)}`,
    {},
    { cause },
  )

/** A graph that is not what its manifest says fails at load, once, and not at each run. */
function checkNames(
  { session, inputs, outputs }: LoadRequest,
  { inputNames, outputNames }: OrtSession,
): void {
  const missing =
    inputNames.find((name) => !inputs.some((input) => input.name === name)) ??
    [...inputs].find(({ name }) => !inputNames.includes(name))?.name ??
    [...outputs].find(({ name }) => !outputNames.includes(name))?.name
  if (missing === undefined) return
  throw new SpillwayError(
    'model_invalid',
    `The graph and the manifest of ${session} disagree on "${missing}"`,
    {
      expected: `${names(inputs)} → ${names(outputs)}`,
      got: `${inputNames.join(', ')} → ${outputNames.join(', ')}`,
    },
  )
}

const names = (specs: readonly TensorSpec[]) => specs.map(({ name }) => name).join(', ')

async function runSession(
  ort: Ort,
  session: OrtSession,
  inputs: Readonly<Record<string, Tensor>>,
  outputs: readonly TensorSpec[],
): Promise<Record<string, Tensor>> {
  const feeds: Record<string, OrtTensor> = {}
  for (const [name, { type, data, shape }] of Object.entries(inputs)) {
    feeds[name] = ort.createTensor(type, data, shape)
  }
  const fetched = await session
    .run(
      feeds,
      outputs.map(({ name }) => name),
    )
    .catch(async (cause: unknown) => {
      const shapes = Object.entries(inputs).map(([name, { shape }]) => `${name} ${showShape(shape)}`)
      throw await runFailure(ort, `on ${shapes.join(', ')}`, cause)
    })
  const read: Record<string, Tensor> = {}
  for (const { name } of outputs) read[name] = toTensor(name, fetched[name])
  return read
}

function toTensor(name: string, tensor: OrtTensor | undefined): Tensor {
  const type = tensorTypes.find((known) => known === tensor?.type)
  if (!tensor || type === undefined) {
    throw new SpillwayError('not_supported', `Output "${name}" is not a tensor of numbers`, {
      expected: tensorTypes.join(', '),
      got: tensor?.type ?? 'nothing',
    })
  }
  const read: Tensor = { type, data: dataOf(type, tensor), shape: [...tensor.dims] }
  tensor.dispose()
  if (read.data.length !== elementCount(read.shape)) {
    throw new SpillwayError(
      'run_failed',
      `Output "${name}" has ${read.data.length} elements for ${showShape(read.shape)}`,
    )
  }
  return read
}

/** Engines with a Float16Array give half floats as one; a tensor here holds their bits. */
function dataOf(type: TensorType, { data }: OrtTensor): TensorData {
  const view = data as TensorData
  return type === 'float16' ? new Uint16Array(view.buffer, view.byteOffset, view.length) : view
}
