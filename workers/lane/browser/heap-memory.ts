import { arrayOf, elementCount, type TensorType } from '../../../models/core/index.ts'
import type { Block, DecoderSession, Ort, OrtSession, OrtTensor, TensorMemory } from '../runtime/ort.ts'
import type { RuntimeModule } from './runtime-module.ts'

/** Numbers of element types in ONNX; what decoders take and give. */
const typeNumbers: readonly (readonly [TensorType, number])[] = [
  ['float32', 1],
  ['int32', 6],
  ['int64', 7],
  ['float16', 10],
]

/** Where the C interface is told that a tensor lies. */
const onCpu = 1

class HeapBlock implements Block {
  readonly #module: RuntimeModule
  readonly bytes: number
  readonly pointer: number
  /** Tensors of the runtime over it. */
  readonly tensors: number[] = []

  constructor(module: RuntimeModule, bytes: number) {
    this.#module = module
    this.bytes = bytes
    this.pointer = allocate(module, bytes)
  }

  free(): void {
    for (const tensor of this.tensors.splice(0)) this.#module._OrtReleaseTensor(tensor)
    this.#module._free(this.pointer)
  }
}

/**
 * WebAssembly's own memory, which onnxruntime-web's `run` copies every tensor into and out of. Its session runs on
 * tensors that lie there, as they do in the C interface, and copies the others only.
 */
export function heapMemory(
  module: RuntimeModule,
  handle: number,
  session: OrtSession,
  createTensor: Ort['createTensor'],
): TensorMemory & { readonly session: DecoderSession } {
  /** Tensors of blocks, by what stands for them outside. */
  const placed = new WeakMap<OrtTensor, number>()

  const run: DecoderSession['run'] = async (feeds, fetches) => {
    const inputs = Object.entries(feeds)
    const outputs = Object.entries(fetches)
    const uploads: { readonly tensor: number; readonly pointer: number }[] = []
    const stack = module.stackSave()
    const list = (values: readonly number[]) => {
      const pointer = module.stackAlloc(4 * values.length)
      for (const [index, value] of values.entries()) module.setValue(pointer + 4 * index, value, '*')
      return pointer
    }
    const results = list(outputs.map(([, given]) => (given && placed.get(given)) ?? 0))
    const resultOf = (index: number) => module.getValue(results + 4 * index, '*')
    try {
      const given = inputs.map(([, tensor]) => {
        const there = placed.get(tensor)
        if (there !== undefined) return there
        const upload = uploaded(module, tensor)
        uploads.push(upload)
        return upload.tensor
      })
      const failed = await module._OrtRun(
        handle,
        list(inputs.map(([name]) => nameIn(module, name))),
        list(given),
        inputs.length,
        list(outputs.map(([name]) => nameIn(module, name))),
        outputs.length,
        results,
        0,
      )
      if (failed !== 0) throw new Error(lastError(module))
      return Object.fromEntries(
        outputs.map(([name, tensor], index) => [
          name,
          tensor ?? downloaded(module, resultOf(index), createTensor),
        ]),
      )
    } finally {
      for (const [index, [, tensor]] of outputs.entries()) {
        if (!tensor && resultOf(index) !== 0) module._OrtReleaseTensor(resultOf(index))
      }
      for (const { tensor, pointer } of uploads) {
        module._OrtReleaseTensor(tensor)
        module._free(pointer)
      }
      module.stackRestore(stack)
    }
  }

  const { inputNames, outputNames, outputMetadata } = session
  return {
    session: { inputNames, outputNames, outputMetadata, run },
    hasOffsets: true,
    allocate: (bytes) => new HeapBlock(module, bytes),
    tensor: (block, byte, type, shape) => {
      const { pointer, tensors } = own(block)
      const bytes = elementCount(shape) * arrayOf(type).BYTES_PER_ELEMENT
      const tensor = makeTensor(module, type, pointer + byte, bytes, shape)
      tensors.push(tensor)
      // A view of the heap would be lost when that grows: nothing outside reads it.
      const stand = createTensor(type, new (arrayOf(type))(0), [0])
      placed.set(stand, tensor)
      return stand
    },
    copy: (moves) => {
      const heap = heapOf(module)
      for (const { from, fromByte, to, toByte, bytes } of moves) {
        const start = own(from).pointer + fromByte
        heap.copyWithin(own(to).pointer + toByte, start, start + bytes)
      }
    },
  }
}

function own(block: Block): HeapBlock {
  if (block instanceof HeapBlock) return block
  throw new TypeError('A block of other memory')
}

/** The heap as large as it is: what threads make of it is seen when the module next reads a value. */
function heapOf(module: RuntimeModule): Uint8Array {
  module.getValue(0, 'i32')
  return module.HEAPU8
}

function allocate(module: RuntimeModule, bytes: number): number {
  // A size past 32 bits would be taken for what is left of it.
  const pointer = bytes < 2 ** 32 ? module._malloc(Math.max(1, bytes)) : 0
  if (pointer !== 0) return pointer
  throw new RangeError(`WebAssembly is out of memory for ${bytes} bytes`)
}

/** Names as the C interface reads them. Decoders share theirs, so they are few: written once, and never freed. */
const written = new WeakMap<RuntimeModule, Map<string, number>>()

function nameIn(module: RuntimeModule, name: string): number {
  const known = written.get(module) ?? new Map<string, number>()
  written.set(module, known)
  let pointer = known.get(name)
  if (pointer === undefined) {
    const bytes = module.lengthBytesUTF8(name) + 1
    pointer = allocate(module, bytes)
    module.stringToUTF8(name, pointer, bytes)
    known.set(name, pointer)
  }
  return pointer
}

function makeTensor(
  module: RuntimeModule,
  type: TensorType,
  pointer: number,
  bytes: number,
  shape: readonly number[],
): number {
  const number = typeNumbers.find(([name]) => name === type)?.[1] ?? 0
  const stack = module.stackSave()
  const dims = module.stackAlloc(4 * shape.length)
  for (const [axis, size] of shape.entries()) module.setValue(dims + 4 * axis, size, 'i32')
  const tensor = module._OrtCreateTensor(number, pointer, bytes, dims, shape.length, onCpu)
  module.stackRestore(stack)
  if (tensor === 0) throw new Error(lastError(module))
  return tensor
}

function uploaded(module: RuntimeModule, { type, data, dims }: OrtTensor) {
  const known = typeNumbers.find(([name]) => name === type)?.[0]
  if (!known || !ArrayBuffer.isView(data)) throw new TypeError(`No decoder takes ${type}`)
  const pointer = allocate(module, data.byteLength)
  heapOf(module).set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), pointer)
  try {
    return { tensor: makeTensor(module, known, pointer, data.byteLength, dims), pointer }
  } catch (cause) {
    module._free(pointer)
    throw cause
  }
}

function downloaded(module: RuntimeModule, tensor: number, createTensor: Ort['createTensor']): OrtTensor {
  const stack = module.stackSave()
  const told = module.stackAlloc(16)
  const failed = module._OrtGetTensorData(tensor, told, told + 4, told + 8, told + 12)
  const number = module.getValue(told, 'i32')
  const pointer = module.getValue(told + 4, '*')
  const dims = module.getValue(told + 8, '*')
  const rank = module.getValue(told + 12, 'i32')
  module.stackRestore(stack)
  if (failed !== 0) throw new Error(lastError(module))
  const shape = Array.from({ length: rank }, (_, axis) => module.getValue(dims + 4 * axis, 'i32'))
  module._OrtFree(dims)
  const type = typeNumbers.find(([, one]) => one === number)?.[0]
  if (!type) throw new TypeError(`No decoder gives the type ${number}`)
  const array = arrayOf(type)
  const bytes = new Uint8Array(elementCount(shape) * array.BYTES_PER_ELEMENT)
  bytes.set(heapOf(module).subarray(pointer, pointer + bytes.length))
  return createTensor(type, new array(bytes.buffer), shape)
}

function lastError(module: RuntimeModule): string {
  const stack = module.stackSave()
  const told = module.stackAlloc(8)
  module._OrtGetLastError(told, told + 4)
  const message = module.getValue(told + 4, '*')
  module.stackRestore(stack)
  return message === 0 ? 'no reason given' : module.UTF8ToString(message)
}
