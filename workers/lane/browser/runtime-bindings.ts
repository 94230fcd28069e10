/** The runtime's C interface in WebAssembly: memory, tensors and runs, with errors thrown. */
import { arrayOf, elementCount, type NumericType } from '../../../models/core/index.ts'
import {
  type HeapPointer,
  type OrtPointer,
  type OrtSessionPointer,
  type OrtTensorPointer,
  offset,
  type RuntimeModule,
  readPointer,
  type StackPointer,
} from './runtime-module.ts'

/** Numbers of the element types that decoders take and give, from ONNX's `TensorProto.DataType`. */
const typeNumbers: readonly (readonly [NumericType, number])[] = [
  ['float32', 1],
  ['int32', 6],
  ['int64', 7],
  ['float16', 10],
]

/** The C interface's name for a tensor in the heap. */
const onCpu = 1

/** @throws RangeError where WebAssembly has no memory left. */
export function allocate(module: RuntimeModule, bytes: number): HeapPointer {
  // `_malloc` would cut a larger size to 32 bits.
  const pointer = bytes < 2 ** 32 ? module._malloc(Math.max(1, bytes)) : undefined
  if (pointer) return pointer
  throw new RangeError(`WebAssembly is out of memory for ${bytes} bytes`)
}

/** The heap at its present size: a heap that a thread has grown is seen only after the module reads a value. */
export function heapOf(module: RuntimeModule): Uint8Array {
  module.getValue(0, 'i32')
  return module.HEAPU8
}

/** A tensor over heap memory, which stays the caller's. */
export function createOrtTensor(
  module: RuntimeModule,
  type: string,
  data: HeapPointer,
  bytes: number,
  shape: readonly number[],
): OrtTensorPointer {
  const number = typeNumbers.find(([name]) => name === type)?.[1]
  if (number === undefined) throw new TypeError(`A decoder takes no tensors of ${type}`)
  const stack = module.stackSave()
  const dims = onStack(module, shape, 'i32')
  const tensor = module._OrtCreateTensor(number, data, bytes, dims, shape.length, onCpu)
  module.stackRestore(stack)
  if (!tensor) throw lastError(module)
  return tensor
}

/** A copy of a tensor's data. @param into Where to, if it has the type and the size. */
export function readOrtTensor(module: RuntimeModule, tensor: OrtTensorPointer, into?: unknown) {
  const stack = module.stackSave()
  const fields = module.stackAlloc(16)
  const [dataField, dimsField, rankField] = [offset(fields, 4), offset(fields, 8), offset(fields, 12)]
  const status = module._OrtGetTensorData(tensor, fields, dataField, dimsField, rankField)
  const number = module.getValue(fields, 'i32')
  const data = readPointer<OrtPointer>(module, dataField) ?? 0
  const dims = readPointer<OrtPointer>(module, dimsField)
  const rank = module.getValue(rankField, 'i32')
  module.stackRestore(stack)
  if (status !== 0) throw lastError(module)
  const shape: number[] = []
  if (dims) {
    for (let axis = 0; axis < rank; axis++) shape.push(module.getValue(dims + 4 * axis, 'i32'))
    module._OrtFree(dims)
  }
  const type = typeNumbers.find(([, known]) => known === number)?.[0]
  if (!type) throw new TypeError(`A decoder gives no tensors of ONNX type ${number}`)
  const array = arrayOf(type)
  const count = elementCount(shape)
  const values = into instanceof array && into.length === count ? into : new array(count)
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
  bytes.set(heapOf(module).subarray(data, data + bytes.length))
  return { type, data: values, shape }
}

/**
 * Runs a session.
 * @param outputs For each output the tensor to write into, or undefined for a new one.
 * @returns the new tensors by name. The caller releases them.
 */
export async function runOrtSession(
  module: RuntimeModule,
  session: OrtSessionPointer,
  inputs: readonly (readonly [name: string, tensor: OrtTensorPointer])[],
  outputs: readonly (readonly [name: string, tensor: OrtTensorPointer | undefined])[],
): Promise<ReadonlyMap<string, OrtTensorPointer>> {
  const stack = module.stackSave()
  try {
    const results = onStack(
      module,
      outputs.map(([, tensor]) => tensor ?? 0),
      '*',
    )
    const status = await module._OrtRun(
      session,
      namesOnStack(module, inputs),
      onStack(
        module,
        inputs.map(([, tensor]) => tensor),
        '*',
      ),
      inputs.length,
      namesOnStack(module, outputs),
      outputs.length,
      results,
      0,
    )
    const created = new Map<string, OrtTensorPointer>()
    for (const [index, [name, given]] of outputs.entries()) {
      const tensor = given ? undefined : readPointer<OrtTensorPointer>(module, offset(results, 4 * index))
      if (tensor) created.set(name, tensor)
    }
    if (status === 0) return created
    const error = lastError(module)
    for (const tensor of created.values()) module._OrtReleaseTensor(tensor)
    throw error
  } finally {
    module.stackRestore(stack)
  }
}

/** The values one after the other on the stack, four bytes each. */
function onStack(module: RuntimeModule, values: readonly number[], type: 'i32' | '*'): StackPointer {
  const pointer = module.stackAlloc(4 * values.length)
  for (const [index, value] of values.entries()) module.setValue(offset(pointer, 4 * index), value, type)
  return pointer
}

const namesOnStack = (
  module: RuntimeModule,
  entries: readonly (readonly [name: string, tensor: unknown])[],
) =>
  onStack(
    module,
    entries.map(([name]) => nameInHeap(module, name)),
    '*',
  )

/** Names of inputs and outputs in the heap. All decoders share the same few, so they are never freed. */
const writtenNames = new WeakMap<RuntimeModule, Map<string, HeapPointer>>()

function nameInHeap(module: RuntimeModule, name: string): HeapPointer {
  const names = writtenNames.get(module) ?? new Map<string, HeapPointer>()
  writtenNames.set(module, names)
  let pointer = names.get(name)
  if (pointer === undefined) {
    const bytes = module.lengthBytesUTF8(name) + 1
    pointer = allocate(module, bytes)
    module.stringToUTF8(name, pointer, bytes)
    names.set(name, pointer)
  }
  return pointer
}

function lastError(module: RuntimeModule): Error {
  const stack = module.stackSave()
  const code = module.stackAlloc(8)
  const messageField = offset(code, 4)
  module._OrtGetLastError(code, messageField)
  const message = readPointer<OrtPointer>(module, messageField)
  module.stackRestore(stack)
  return new Error(message ? module.UTF8ToString(message) : 'ONNX Runtime gave no reason')
}
