import type { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-common'
import { messageOf, SpillwayError } from '../../core/error.ts'
import {
  type NumericData,
  showShape,
  type Tensor,
  type TensorData,
  type TensorType,
  tensorTypes,
} from '../../core/tensor.ts'
import { reportStep } from './report-step.ts'
import type { LoadOptions, Runnable, Runtime, Tensors } from './runtime.ts'

type Ort = Pick<typeof import('onnxruntime-common'), 'InferenceSession' | 'Tensor'>

/** ONNX Runtime in this process: the native build, or the browser's WebAssembly, which also runs in Node. */
export const ortRuntime: Runtime = {
  load: async (path, options) => {
    const ort = await load(options)
    reportStep(`loaded ${path} on ${options.backend}`)
    const session = await createSession(ort, path, options)
    reportStep(`ran ${path} on ${options.backend}`)
    return {
      inputNames: session.inputNames,
      outputNames: session.outputNames,
      outputTypes: session.outputMetadata.map((one) => (one.isTensor ? one : { name: one.name, shape: [] })),
      run: (inputs) => runSession(ort, session, inputs),
      release: () => session.release(),
    } satisfies Runnable
  },
}

/** Loaded only to run models: reading them needs no native library. */
async function load({ backend, threads }: LoadOptions): Promise<Ort> {
  if (backend !== 'wasm') {
    const node = await import('onnxruntime-node').catch(notInstalled('onnxruntime-node'))
    node.env.logLevel = 'fatal'
    return node
  }
  const web = await import('onnxruntime-web').catch(notInstalled('onnxruntime-web'))
  web.env.wasm.numThreads = threads
  web.env.logLevel = 'fatal'
  return web
}

/** The package of pages brings neither. */
const notInstalled =
  (name: string) =>
  (cause: unknown): never => {
    throw new SpillwayError(
      'request_malformed',
      `The package ${name} could not be loaded: ${firstLine(messageOf(cause))}`,
      { hint: `Run "npm install ${name}": the command runs models with it.` },
      { cause },
    )
  }

async function createSession(
  ort: Ort,
  path: string,
  { backend, threads }: LoadOptions,
): Promise<InferenceSession> {
  try {
    return await ort.InferenceSession.create(path, {
      executionProviders: [backend],
      graphOptimizationLevel: 'all',
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      // Failures are thrown: its own lines would stand before the command's sentence.
      logSeverityLevel: 4,
    })
  } catch (cause) {
    throw refusal(path, backend, messageOf(cause), cause)
  }
}

function refusal(path: string, backend: string, message: string, cause: unknown): SpillwayError {
  const lacking =
    /adapter|not supported|no available backend|not enabled|libvulkan/i.test(message) && backend !== 'cpu'
  if (lacking) {
    const what = `This machine has no backend "${backend}"`
    return new SpillwayError(
      'capacity_insufficient',
      what,
      { hint: `ONNX Runtime says: ${reasonOf(message)}.${backend === 'webgpu' ? softwareHint : ''}` },
      { cause },
    )
  }
  const what = `ONNX Runtime cannot load ${path} on ${backend}: ${firstLine(message)}`
  return new SpillwayError('model_invalid', what, {}, { cause })
}

async function runSession(ort: Ort, session: InferenceSession, inputs: Tensors): Promise<Tensors> {
  const feeds: Record<string, OrtTensor> = {}
  for (const [name, { type, data, shape }] of Object.entries(inputs)) {
    feeds[name] = new ort.Tensor(type, data as OrtTensor.DataType, shape)
  }
  try {
    const fetched = await session.run(feeds, carriedOutputs(session))
    return Object.fromEntries(Object.entries(fetched).map(([name, tensor]) => [name, toTensor(name, tensor)]))
  } catch (cause) {
    if (cause instanceof SpillwayError) throw cause
    const shapes = Object.entries(inputs).map(([name, { shape }]) => `${name} ${showShape(shape)}`)
    const what = `ONNX Runtime failed on ${shapes.join(', ')}: ${firstLine(messageOf(cause))}`
    throw new SpillwayError('run_failed', what, { hint: samplesHint }, { cause })
  }
}

/** Others are left out: maps and sequences fail, and a tensor of int4 ends the process. */
const carriedOutputs = ({ outputMetadata }: InferenceSession): string[] =>
  outputMetadata.flatMap((output) =>
    output.isTensor && tensorTypes.some((type) => type === output.type) ? [output.name] : [],
  )

function toTensor(name: string, value: OrtTensor): Tensor {
  const type = tensorTypes.find((known) => known === value.type)
  if (type === undefined)
    throw new SpillwayError('not_supported', `Output "${name}" is not a tensor of numbers or strings`)
  return { type, data: dataOf(type, value), shape: [...value.dims] }
}

/** Newer engines return a Float16Array; a tensor here holds the bits. */
function dataOf(type: TensorType, { data }: OrtTensor): TensorData {
  if (type !== 'float16') return data as TensorData
  const view = data as NumericData
  return new Uint16Array(view.buffer, view.byteOffset, view.length)
}

const samplesHint = 'If the model takes other inputs, give --shape, --value or --samples.'

const softwareHint =
  ' Without a GPU a software adapter will do, slowly: name one of Vulkan in VK_ICD_FILENAMES.'

/** The message without its source location and failed check. */
const reasonOf = (message: string): string =>
  firstLine(message)
    .replace(/^.* was false\. /, '')
    .replace(/\.$/, '')

const firstLine = (message: string): string => message.split('\n')[0]?.slice(0, 400) ?? ''
