import { PassThrough } from 'node:stream'
import { assert, constantFrom, integer, array as listOf, property, uint8Array } from 'fast-check'
import { describe, expect, test } from 'vitest'
import { pipeEndpoint } from '../../workers/protocol/node/pipe-endpoint.ts'

/** What arrives of these messages, whose bytes come in chunks of so many. */
function sent(messages: readonly unknown[], chunkBytes: number): unknown[] {
  const output = new PassThrough({ highWaterMark: 2 ** 30 })
  const sender = pipeEndpoint(output)
  for (const message of messages) sender.postMessage(message)
  const bytes: Buffer = output.read()
  const arrived: unknown[] = []
  const receiver = pipeEndpoint(undefined)
  receiver.addEventListener('message', (event) => arrived.push((event as MessageEvent<unknown>).data))
  const chunk = new Uint8Array(chunkBytes)
  for (let at = 0; at < bytes.length; at += chunkBytes) {
    const part = bytes.subarray(at, at + chunkBytes)
    chunk.set(part)
    // As a pipe that is read into one memory: it is overwritten by the next part.
    receiver.receive(chunk.subarray(0, part.length))
  }
  return arrived
}

const kinds = [
  Uint8Array,
  Int8Array,
  Uint16Array,
  Int16Array,
  Uint32Array,
  Int32Array,
  Float32Array,
  Float64Array,
  BigUint64Array,
  BigInt64Array,
  Uint8ClampedArray,
] as const

describe('messages of a pipe', () => {
  test('arrive as they were, in order, however their bytes are cut', () => {
    const arrays = [0, 1, 512, 513, 4_096, 40_000].flatMap((length) => kinds.map((Kind) => new Kind(length)))
    for (const { buffer } of arrays)
      new Uint8Array(buffer).set(Array.from({ length: buffer.byteLength }, (_, at) => at % 251))
    const message = laneMessages(arrays)
    assert(
      property(
        listOf(message, { minLength: 1, maxLength: 4 }),
        integer({ min: 1, max: 70_000 }),
        (messages, chunkBytes) => {
          expect(sent(messages, chunkBytes)).toEqual(messages)
        },
      ),
      { numRuns: 40 },
    )
  })

  test('have views of their own memory, whatever the sender’s were views of', () => {
    const floats = new Float32Array(10_000).map((_, at) => at)
    const [message] = sent([{ few: floats.subarray(1, 3), many: floats.subarray(5, 9_005) }], 65_536) as [
      { few: Float32Array; many: Float32Array },
    ]
    expect(message.few).toEqual(Float32Array.of(1, 2))
    expect(message.many).toEqual(floats.slice(5, 9_005))
    expect(message.many.byteOffset).toBe(0)
    expect(message.many.buffer.byteLength).toBe(36_000)
  })

  test('that cannot be sent are refused, and the next ones arrive', () => {
    const output = new PassThrough()
    const endpoint = pipeEndpoint(output)
    expect(() => endpoint.postMessage({ run: () => 1 })).toThrow('could not be cloned')
    expect(() => endpoint.postMessage(new DataView(new ArrayBuffer(8)))).toThrow('DataView')
    expect(output.read()).toBe(null)
  })

  test('to a lane that has ended are dropped', () => {
    const output = new PassThrough()
    output.destroy()
    pipeEndpoint(output).postMessage({ call: 1 })
    pipeEndpoint(undefined).postMessage({ call: 1 })
  })
})

/** Messages as lanes get them: objects, errors, and arrays of all kinds. */
function laneMessages(arrays: readonly ArrayBufferView[]) {
  return listOf(constantFrom(...arrays), { maxLength: 3 }).chain((tensors) =>
    uint8Array({ maxLength: 50 }).map((bytes) => ({
      call: bytes.length,
      tensors,
      bytes,
      names: new Map([['a', undefined]]),
      error: { code: 'internal', detail: {} },
    })),
  )
}
