import {
  type Backend,
  messageOf,
  SpillwayError,
  type TensorSpec,
  tensorTypes,
} from '../../../models/core/index.ts'
import { rangeOperators } from '../../../models/core/rows/prove-rows.ts'
import type { GenerateSetup, GraphSource, LoadRequest } from '../../protocol/lane.ts'
import type { DecoderSetup } from '../decode/create-decoder.ts'
import { kvNames } from '../kv/decoder-graph.ts'
import { type Ort, type OrtSession, quiet } from '../runtime/ort.ts'
import { isOutOfMemory, laneLost } from '../runtime/run-failure.ts'
import { hasOperator, usesOperator } from './operators.ts'

/**
 * @param graph The bytes of a decoder's graph, where they were read. Those of a file are not to be used again.
 * @throws SpillwayError `model_invalid`, `capacity_insufficient`, `lane_failed` or `lane_lost`.
 */
export async function createSession(
  ort: Ort,
  { session, backend, source, generate, optimization, graphOptions }: LoadRequest,
  graph?: Uint8Array,
): Promise<OrtSession> {
  const onGpu = backend === 'webgpu' ? chainedOutputs(generate) : []
  const options = {
    ...(await ort.sessionOptions(backend)),
    ...graphOptions,
    ...quiet,
    ...(optimization && { graphOptimizationLevel: optimization }),
    ...(source.from === 'bytes' && {
      externalData: source.external.map(({ path, data }) => ({ path, data: new Uint8Array(data) })),
    }),
    ...(onGpu.length > 0 && {
      preferredOutputLocation: Object.fromEntries(onGpu.map((name) => [name, 'gpu-buffer' as const])),
    }),
  }
  const isInPlace = backend === 'cpu' && generate?.spec.batched === true
  let fault: unknown
  if (isInPlace && graph && ort.createDecoderSession) {
    try {
      return await ort.createDecoderSession(graph, source, options)
    } catch (cause) {
      fault = cause
    }
  }
  try {
    const { InferenceSession } = ort
    const created =
      source.from === 'file'
        ? await InferenceSession.create(source.path, options)
        : await InferenceSession.create(new Uint8Array(source.graph), options)
    if (fault !== undefined) {
      // biome-ignore lint/suspicious/noConsole: Nothing fails, so no error would tell a developer why texts are slower.
      console.warn(`spillway: the runs of ${session} copy all keys and values: ${messageOf(fault)}`)
    }
    return created
  } catch (cause) {
    if (isOutOfMemory(cause)) throw tooLarge(session, backend, cause)
    const lost = await ort.lost(cause)
    if (lost !== undefined) throw laneLost(lost, cause)
    throw new SpillwayError(
      'model_invalid',
      `ONNX Runtime cannot load ${session} on ${backend}: ${messageOf(cause)}`,
      { hint: 'Check that the file is an ONNX model whose operators this backend has.' },
      { cause },
    )
  }
}

/** Where each sequence runs alone, a run's keys and values are the next run's input, and nothing else reads them. */
const chainedOutputs = (generate: GenerateSetup | undefined): readonly string[] =>
  generate && generate.spec.batched !== true ? kvNames('present', generate.spec.kv.layers) : []

/** The bytes of a graph; undefined where this realm reads no files. */
export const graphBytes = async (
  { readFile }: Pick<Ort, 'readFile'>,
  source: GraphSource,
): Promise<Uint8Array | undefined> =>
  source.from === 'bytes' ? new Uint8Array(source.graph) : readFile?.(source.path)

/**
 * Where the CPU runs it, it rounds what a layer gets to 8 bits. The attention of several tokens sums in another order than
 * that of one, by 1e-7, which then is a step of 8 bits now and then: logits differ by 1e-2.
 */
const roundingOperator = 'MatMulNBits'

/** Attention whose rows may have different lengths. */
const batchedOperators = ['GroupQueryAttention', 'PagedAttention']

/**
 * Reads from the graph whether its tokens are independent, and whether sequences may share a step where the manifest was
 * made without the graph.
 */
export function readDecoderSetup(
  setup: GenerateSetup,
  backend: Backend,
  graph: Uint8Array | undefined,
): DecoderSetup {
  if (!graph) return { ...setup, isExact: false }
  const batched = setup.spec.batched ?? batchedOperators.some((operator) => hasOperator(graph, operator))
  const inexact = backend === 'webgpu' ? rangeOperators : [...rangeOperators, roundingOperator]
  const isExact = !inexact.some((operator) => usesOperator(graph, operator))
  return { ...setup, spec: { ...setup.spec, batched }, isExact }
}

export const tooLarge = (session: string, backend: Backend, cause: unknown) =>
  new SpillwayError(
    'capacity_insufficient',
    `There is too little memory for ${session} on ${backend}: ${messageOf(cause)}`,
    {},
    { cause },
  )

/** The model is at fault, not a request: another variant or backend may run it. */
export const cannotRun = ({ session, backend }: LoadRequest, cause: SpillwayError) =>
  new SpillwayError(
    'model_invalid',
    `ONNX Runtime loads ${session} on ${backend} but cannot run it: ${cause.message}`,
    {},
    { cause },
  )

/**
 * A graph that disagrees with its manifest fails once, when it is loaded, instead of at each run.
 * @throws SpillwayError `model_invalid`.
 */
export function checkNames(request: LoadRequest, loaded: OrtSession): void {
  const { session, inputs, outputs } = request
  const { inputNames, outputNames } = loaded
  checkOutputTypes(request, loaded)
  const missing =
    inputNames.find((name) => !inputs.some((input) => input.name === name)) ??
    [...inputs].find(({ name }) => !inputNames.includes(name))?.name ??
    [...outputs].find(({ name }) => !outputNames.includes(name))?.name
  if (missing === undefined) return
  throw new SpillwayError(
    'model_invalid',
    `The graph and the manifest of ${session} disagree on "${missing}"`,
    {
      expected: `${listNames(inputs)} → ${listNames(outputs)}`,
      got: `${inputNames.join(', ')} → ${outputNames.join(', ')}`,
    },
  )
}

/** Maps and sequences fail when they are fetched, and a tensor of int4 ends the process. */
function checkOutputTypes(
  { session, outputs }: LoadRequest,
  { outputMetadata }: Pick<OrtSession, 'outputMetadata'>,
): void {
  for (const { name } of outputs) {
    const output = outputMetadata.find((one) => one.name === name)
    if (!output || (output.isTensor && tensorTypes.some((type) => type === output.type))) continue
    throw new SpillwayError('model_invalid', `Output "${name}" of ${session} cannot be sent`, {
      expected: `a tensor of ${tensorTypes.join(', ')}`,
      got: output.isTensor ? output.type : 'no tensor',
      hint: 'Leave it out of the outputs in the manifest.',
    })
  }
}

const listNames = (specs: readonly TensorSpec[]) => specs.map(({ name }) => name).join(', ')
