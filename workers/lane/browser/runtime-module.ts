import type { OrtSession } from '../runtime/ort.ts'

/** What is used of onnxruntime-web's Emscripten module: its heap, and functions of the runtime's C interface. */
export interface RuntimeModule {
  /** Another one after the heap has grown; where a thread grew it, from the next `getValue` on. */
  readonly HEAPU8: Uint8Array
  readonly PTR_SIZE: number
  _malloc(bytes: number): number
  _free(pointer: number): void
  stackSave(): number
  stackAlloc(bytes: number): number
  stackRestore(stack: number): void
  getValue(pointer: number, type: 'i32' | '*'): number
  setValue(pointer: number, value: number, type: 'i32' | '*'): void
  lengthBytesUTF8(text: string): number
  stringToUTF8(text: string, pointer: number, bytes: number): void
  UTF8ToString(pointer: number): string
  _OrtGetLastError(code: number, message: number): number
  _OrtCreateTensor(
    type: number,
    data: number,
    bytes: number,
    dims: number,
    rank: number,
    location: number,
  ): number
  _OrtGetTensorData(tensor: number, type: number, data: number, dims: number, rank: number): number
  _OrtReleaseTensor(tensor: number): number
  _OrtFree(pointer: number): number
  _OrtRun(
    session: number,
    inputNames: number,
    inputs: number,
    inputCount: number,
    outputNames: number,
    outputCount: number,
    outputs: number,
    options: number,
  ): Promise<number>
}

const functions = [
  '_malloc',
  '_free',
  'stackSave',
  'stackAlloc',
  'stackRestore',
  'getValue',
  'setValue',
  'lengthBytesUTF8',
  'stringToUTF8',
  'UTF8ToString',
  '_OrtGetLastError',
  '_OrtCreateTensor',
  '_OrtGetTensorData',
  '_OrtReleaseTensor',
  '_OrtFree',
  '_OrtRun',
] as const satisfies readonly (keyof RuntimeModule)[]

/** None of it is promised to last: where a version lacks some, runs go the plain way. */
export const isRuntimeModule = (value: unknown): value is RuntimeModule =>
  typeof value === 'object' &&
  value !== null &&
  functions.every((name) => typeof Reflect.get(value, name) === 'function') &&
  Reflect.get(value, 'HEAPU8') instanceof Uint8Array &&
  Reflect.get(value, 'PTR_SIZE') === 4

/** A session in the module, which onnxruntime-web keeps to itself. */
export function sessionHandle(session: OrtSession): number | undefined {
  const handler: unknown = Reflect.get(session, 'handler')
  if (typeof handler !== 'object' || handler === null) return undefined
  const id: unknown = Reflect.get(handler, 'sessionId')
  return typeof id === 'number' ? id : undefined
}
