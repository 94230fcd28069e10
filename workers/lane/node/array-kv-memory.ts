import { elementCount } from '../../../models/core/index.ts'
import type { Block, DecoderSession, Ort, OrtTensor, TensorMemory } from '../runtime/ort.ts'
import { hasRefusedOutput, isRefusal, withRefusal } from './refused-output.ts'
import { bufferOf, releaseTensors } from './release-tensors.ts'

class ArrayBlock implements Block {
  #buffer: ArrayBuffer

  constructor(bytes: number) {
    this.#buffer = new ArrayBuffer(bytes)
  }

  get buffer(): ArrayBuffer {
    return this.#buffer
  }

  get bytes(): number {
    return this.#buffer.byteLength
  }

  free(): void {
    this.#buffer = new ArrayBuffer(0)
  }
}

type Fetches = Parameters<DecoderSession['run']>[1]

const isWhole = (fetches: Fetches): fetches is Readonly<Record<string, OrtTensor>> =>
  Object.values(fetches).every((tensor) => tensor !== null)

/**
 * Arrays of this process. onnxruntime-node reads and writes them in place, and then returns a copy of each that it wrote:
 * as much as all keys and values at every step. A graph with an output that is refused has no copies made where each
 * output is written in place; all other copies are freed at once.
 */
export function arrayMemory(
  createTensor: Ort['createTensor'],
  session: DecoderSession,
): TensorMemory & { readonly session: DecoderSession } {
  const { inputNames, outputNames, outputMetadata } = session
  const isRefusing = hasRefusedOutput(outputNames)
  return {
    session: {
      inputNames,
      outputNames,
      outputMetadata,
      run: async (feeds, fetches, options) => {
        if (isRefusing && isWhole(fetches)) {
          try {
            await session.run(feeds, withRefusal(fetches), options)
          } catch (cause) {
            if (!isRefusal(cause)) throw cause
          }
          return fetches
        }
        const results: Record<string, OrtTensor> = { ...(await session.run(feeds, fetches, options)) }
        const copies: OrtTensor[] = []
        for (const [name, given] of Object.entries(fetches)) {
          const returned = results[name]
          if (!given || !returned) continue
          results[name] = given
          if (bufferOf(returned) !== bufferOf(given)) copies.push(returned)
        }
        releaseTensors(copies)
        return results
      },
    },
    hasOffsets: true,
    writesOutputs: true,
    allocate: (bytes) => new ArrayBlock(bytes),
    tensor: (block, byte, type, shape) => {
      const count = elementCount(shape)
      const { buffer } = own(block)
      const data =
        type === 'float32' ? new Float32Array(buffer, byte, count) : new Uint16Array(buffer, byte, count)
      return createTensor(type, data, shape)
    },
    copy: (moves) => {
      for (const { from, fromByte, to, toByte, bytes } of moves)
        new Uint8Array(own(to).buffer, toByte, bytes).set(new Uint8Array(own(from).buffer, fromByte, bytes))
    },
  }
}

function own(block: Block): ArrayBlock {
  if (block instanceof ArrayBlock) return block
  throw new TypeError('The block is of another memory')
}
