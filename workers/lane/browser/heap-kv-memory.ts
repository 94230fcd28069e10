import { arrayOf, elementCount } from '../../../models/core/index.ts'
import type { Block, DecoderSession, Ort, OrtSession, OrtTensor, TensorMemory } from '../runtime/ort.ts'
import { allocate, createOrtTensor, heapOf, readOrtTensor, runOrtSession } from './runtime-bindings.ts'
import {
  type HeapPointer,
  type OrtSessionPointer,
  type OrtTensorPointer,
  offset,
  type RuntimeModule,
} from './runtime-module.ts'

class HeapBlock implements Block {
  readonly #module: RuntimeModule
  readonly bytes: number
  readonly pointer: HeapPointer
  /** The runtime's tensors over it. */
  readonly tensors: OrtTensorPointer[] = []

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
 * WebAssembly's own memory. onnxruntime-web's `run` copies every tensor into the heap and out of it. The session here
 * runs through the C interface on tensors that lie in the heap, and copies only the others.
 */
export function heapMemory(
  module: RuntimeModule,
  sessionPointer: OrtSessionPointer,
  session: OrtSession,
  createTensor: Ort['createTensor'],
): TensorMemory & { readonly session: DecoderSession } {
  /** The tensors of blocks, by the placeholder that the caller has for each. */
  const inHeap = new WeakMap<OrtTensor, OrtTensorPointer>()

  const run: DecoderSession['run'] = async (feeds, fetches) => {
    const uploads: Upload[] = []
    let created: ReadonlyMap<string, OrtTensorPointer> = new Map()
    try {
      const inputs = Object.entries(feeds).map(([name, tensor]): [string, OrtTensorPointer] => {
        const existing = inHeap.get(tensor)
        if (existing) return [name, existing]
        const uploaded = upload(module, tensor)
        uploads.push(uploaded)
        return [name, uploaded.tensor]
      })
      const outputs = Object.entries(fetches)
      created = await runOrtSession(
        module,
        sessionPointer,
        inputs,
        outputs.map(([name, tensor]) => [name, tensor ? inHeap.get(tensor) : undefined]),
      )
      const results: Record<string, OrtTensor> = {}
      for (const [name, tensor] of outputs) if (tensor && inHeap.has(tensor)) results[name] = tensor
      for (const [name, pointer] of created) {
        const given = fetches[name]
        const { type, data, shape } = readOrtTensor(module, pointer, given?.data)
        results[name] = given && given.data === data ? given : createTensor(type, data, shape)
      }
      return results
    } finally {
      for (const tensor of created.values()) module._OrtReleaseTensor(tensor)
      for (const { tensor, pointer } of uploads) {
        module._OrtReleaseTensor(tensor)
        module._free(pointer)
      }
    }
  }

  const { inputNames, outputNames, outputMetadata } = session
  return {
    session: { inputNames, outputNames, outputMetadata, run },
    hasOffsets: true,
    writesOutputs: true,
    mostScores: 2 ** 20,
    allocate: (bytes) => new HeapBlock(module, bytes),
    tensor: (block, byte, type, shape) => {
      const { pointer, tensors } = own(block)
      const bytes = elementCount(shape) * arrayOf(type).BYTES_PER_ELEMENT
      const tensor = createOrtTensor(module, type, offset(pointer, byte), bytes, shape)
      tensors.push(tensor)
      // A placeholder without data: a view of the heap would detach when the heap grows.
      const placeholder = createTensor(type, new (arrayOf(type))(0), [0])
      inHeap.set(placeholder, tensor)
      return placeholder
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
  throw new TypeError('The block is of another memory')
}

interface Upload {
  readonly tensor: OrtTensorPointer
  readonly pointer: HeapPointer
}

/** Copies a tensor into the heap for one run. */
function upload(module: RuntimeModule, { type, data, dims }: OrtTensor): Upload {
  if (!ArrayBuffer.isView(data)) throw new TypeError(`A decoder takes no tensors of ${type}`)
  const pointer = allocate(module, data.byteLength)
  heapOf(module).set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), pointer)
  try {
    return { tensor: createOrtTensor(module, type, pointer, data.byteLength, dims), pointer }
  } catch (cause) {
    module._free(pointer)
    throw cause
  }
}
