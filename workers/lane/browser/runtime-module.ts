import type { OrtSession } from '../runtime/ort.ts'

/** An address in WebAssembly's memory. The brand keeps the kinds apart: each has its own owner and its own release. */
type Pointer<Brand extends string> = number & { readonly __brand: Brand }

/** Memory of `_malloc`, freed by `_free`. */
export type HeapPointer = Pointer<'HeapPointer'>
/** Memory of `stackAlloc`, given back by `stackRestore`. */
export type StackPointer = Pointer<'StackPointer'>
/** A tensor of the runtime, released by `_OrtReleaseTensor`. */
export type OrtTensorPointer = Pointer<'OrtTensorPointer'>
/** A session of the runtime. onnxruntime-web owns it. */
export type OrtSessionPointer = Pointer<'OrtSessionPointer'>
/** Memory that the runtime allocated and returned: a tensor's data or dims, an error's text. */
export type OrtPointer = Pointer<'OrtPointer'>

export type AnyPointer = HeapPointer | StackPointer | OrtTensorPointer | OrtSessionPointer | OrtPointer

/** The address `bytes` further. */
export const offset = <P extends AnyPointer>(pointer: P, bytes: number): P => (pointer + bytes) as P

/** Reads a pointer that lies in memory. The caller knows its kind from the C function that wrote it; 0 is none. */
export const readPointer = <P extends AnyPointer>(module: RuntimeModule, at: StackPointer): P | undefined =>
  (module.getValue(at, '*') || undefined) as P | undefined

/** What is used of onnxruntime-web's Emscripten module: its heap, and functions of the runtime's C interface. */
export interface RuntimeModule {
  /** Replaced when the heap grows; where a thread grew it, from the next `getValue` on. */
  readonly HEAPU8: Uint8Array
  readonly PTR_SIZE: number
  /** Returns 0 where there is no memory. */
  _malloc(bytes: number): HeapPointer
  _free(pointer: HeapPointer): void
  stackSave(): StackPointer
  stackAlloc(bytes: number): StackPointer
  stackRestore(stack: StackPointer): void
  getValue(at: number, type: 'i32' | '*'): number
  setValue(at: StackPointer, value: number, type: 'i32' | '*'): void
  lengthBytesUTF8(text: string): number
  stringToUTF8(text: string, to: HeapPointer, bytes: number): void
  UTF8ToString(text: OrtPointer): string
  _OrtGetLastError(code: StackPointer, message: StackPointer): number
  /** Returns 0 where it fails. */
  _OrtCreateTensor(
    type: number,
    data: HeapPointer,
    bytes: number,
    dims: StackPointer,
    rank: number,
    location: number,
  ): OrtTensorPointer
  _OrtGetTensorData(
    tensor: OrtTensorPointer,
    type: StackPointer,
    data: StackPointer,
    dims: StackPointer,
    rank: StackPointer,
  ): number
  _OrtReleaseTensor(tensor: OrtTensorPointer): number
  _OrtFree(pointer: OrtPointer): number
  /** Resolves to 0 where it succeeds. */
  _OrtRun(
    session: OrtSessionPointer,
    inputNames: StackPointer,
    inputs: StackPointer,
    inputCount: number,
    outputNames: StackPointer,
    outputCount: number,
    outputs: StackPointer,
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

/** onnxruntime-web documents none of it. Where a version lacks some, runs copy their tensors as usual. */
export const isRuntimeModule = (value: unknown): value is RuntimeModule =>
  typeof value === 'object' &&
  value !== null &&
  functions.every((name) => typeof Reflect.get(value, name) === 'function') &&
  Reflect.get(value, 'HEAPU8') instanceof Uint8Array &&
  Reflect.get(value, 'PTR_SIZE') === 4

/** The session in the module, from a field that onnxruntime-web does not document. */
export function sessionPointer(session: OrtSession): OrtSessionPointer | undefined {
  const handler: unknown = Reflect.get(session, 'handler')
  if (typeof handler !== 'object' || handler === null) return undefined
  const id: unknown = Reflect.get(handler, 'sessionId')
  return typeof id === 'number' ? (id as OrtSessionPointer) : undefined
}
