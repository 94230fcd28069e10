import {
  elementCount,
  type NumericData,
  SpillwayError,
  showShape,
  type Tensor,
  type TensorData,
  type TensorSpec,
  type TensorType,
  tensorTypes,
} from '../../../models/core/index.ts'
import { countOf } from '../../../models/core/wording.ts'
import { type Ort, type OrtSession, type OrtTensor, quiet } from '../runtime/ort.ts'
import { runFailure } from '../runtime/run-failure.ts'

/** A batch's outputs, and the milliseconds of its three parts. */
export interface SessionRun {
  readonly outputs: Readonly<Record<string, Tensor>>
  /** The runtime's tensors were made of the inputs. */
  readonly inputMs: number
  readonly computeMs: number
  /** The outputs were read. */
  readonly outputMs: number
}

/** Runs a batch. @throws SpillwayError As `runFailure`; `not_supported` where an output is no tensor of numbers or strings. */
export async function runSession(
  ort: Ort,
  session: OrtSession,
  inputs: Readonly<Record<string, Tensor>>,
  outputs: readonly Pick<TensorSpec, 'name'>[],
): Promise<SessionRun> {
  const begunAt = performance.now()
  const feeds: Record<string, OrtTensor> = {}
  for (const [name, { type, data, shape }] of Object.entries(inputs)) {
    feeds[name] = ort.createTensor(type, data, shape)
  }
  const startedAt = performance.now()
  const fetched = await session
    .run(
      feeds,
      outputs.map(({ name }) => name),
      quiet,
    )
    .catch(async (cause: unknown) => {
      const shapes = Object.entries(inputs).map(([name, { shape }]) => `${name} ${showShape(shape)}`)
      throw await runFailure(ort, `on ${shapes.join(', ')}`, cause)
    })
  const endedAt = performance.now()
  const results: Record<string, Tensor> = {}
  for (const { name } of outputs) results[name] = toTensor(name, fetched[name])
  return {
    outputs: results,
    inputMs: startedAt - begunAt,
    computeMs: endedAt - startedAt,
    outputMs: performance.now() - endedAt,
  }
}

function toTensor(name: string, output: OrtTensor | undefined): Tensor {
  const type = tensorTypes.find((known) => known === output?.type)
  if (!output || type === undefined) {
    throw new SpillwayError('not_supported', `Output "${name}" is not a tensor of numbers or strings`, {
      expected: tensorTypes.join(', '),
      got: output?.type ?? 'nothing',
    })
  }
  const tensor: Tensor = { type, data: dataOf(type, output), shape: [...output.dims] }
  output.dispose()
  if (tensor.data.length !== elementCount(tensor.shape)) {
    throw new SpillwayError(
      'run_failed',
      `Output "${name}" has ${countOf(tensor.data.length, 'element')} for ${showShape(tensor.shape)}`,
    )
  }
  return tensor
}

/** Engines with a `Float16Array` return half floats as one. A tensor here holds their bits. */
function dataOf(type: TensorType, { data }: OrtTensor): TensorData {
  if (type !== 'float16') return data as TensorData
  const view = data as NumericData
  return new Uint16Array(view.buffer, view.byteOffset, view.length)
}
