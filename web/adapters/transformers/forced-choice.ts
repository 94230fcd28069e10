import { type Manifest, SpillwayError } from '../../../models/core/index.ts'
import type { ModelOptions } from '../../api/model-options.ts'
import type { DeviceBackend } from '../../placement/candidate.ts'

/** The variants that a dtype of transformers.js names, by their ids: `q8` is the file `model_quantized.onnx`. */
const variantsOf = {
  fp32: ['fp32'],
  fp16: ['fp16'],
  q8: ['quantized', 'q8'],
  int8: ['int8'],
  uint8: ['uint8'],
  q4: ['q4'],
  q4f16: ['q4f16'],
  bnb4: ['bnb4'],
} as const satisfies Readonly<Record<string, readonly [string, ...string[]]>>

const backendOf = {
  webgpu: 'webgpu',
  gpu: 'webgpu',
  wasm: 'wasm',
} as const satisfies Readonly<Record<string, DeviceBackend>>

/** A precision of the weights, in the words of transformers.js. */
export type Dtype = keyof typeof variantsOf | 'auto'
/** Where a model runs, in the words of transformers.js. */
export type Device = keyof typeof backendOf | 'auto'

export interface DeviceAndDtype {
  /** Runs this variant, on the device only. Default `auto`: the runtime chooses, and may ask the server. */
  readonly dtype?: Dtype | undefined
  /** Runs the model here only. Default `auto`: the runtime chooses, and may ask the server. */
  readonly device?: Device | undefined
}

/**
 * What `device` and `dtype` leave to the runtime.
 *
 * @param manifestOf Finds the model's manifest, for the names of its variants.
 * @throws SpillwayError `input_value_invalid` for one that no browser runs.
 */
export async function forcedChoice(
  { device = 'auto', dtype = 'auto' }: DeviceAndDtype,
  manifestOf: () => Promise<Manifest>,
): Promise<Pick<ModelOptions, 'backend' | 'variant'>> {
  if (device !== 'auto' && !Object.hasOwn(backendOf, device))
    throw unknown('device', device, Object.keys(backendOf))
  if (dtype !== 'auto' && !Object.hasOwn(variantsOf, dtype))
    throw unknown('dtype', dtype, Object.keys(variantsOf))
  const backend = device === 'auto' ? {} : { backend: backendOf[device] }
  if (dtype === 'auto') return backend
  const ids: readonly string[] = variantsOf[dtype]
  const { variants } = await manifestOf()
  const [usual] = variantsOf[dtype]
  return { ...backend, variant: variants.find(({ id }) => ids.includes(id))?.id ?? usual }
}

const unknown = (name: string, value: unknown, known: readonly string[]) =>
  new SpillwayError('input_value_invalid', `A pipeline has no such ${name}`, {
    expected: ['auto', ...known].join(', '),
    got: typeof value === 'string' ? value : JSON.stringify(value),
  })
