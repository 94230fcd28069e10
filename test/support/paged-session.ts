import { floatsToHalves, halvesToFloats } from '../../models/core/half.ts'
import type { KvSpec } from '../../models/core/kv-spec.ts'
import { kvNames } from '../../workers/lane/kv/decoder-graph.ts'
import { pagedInputs } from '../../workers/lane/kv/paged/paged-graph.ts'
import type { DecoderSession, Ort, OrtTensor } from '../../workers/lane/runtime/ort.ts'

/**
 * What a paged graph computes, by the graph that it is made of: PagedAttention runs on a GPU with 16-bit floats only, and
 * a machine without one has the same answers from this. Each row's blocks are gathered for a run of the row alone.
 */
export function pagedSession(session: DecoderSession, ort: Ort, spec: KvSpec): DecoderSession {
  const pastNames = kvNames('past_key_values', spec.layers)
  const presentNames = kvNames('present', spec.layers)
  return {
    inputNames: [...pagedInputs, ...pastNames],
    outputNames: ['logits', ...presentNames],
    outputMetadata: session.outputMetadata,
    run: async (feeds, fetches, options) => {
      const int32 = (name: string) => find(feeds, name).data as Int32Array
      const int64 = (name: string) => Array.from(find(feeds, name).data as BigInt64Array, Number)
      const ends = int32('cumulative_sequence_lengths')
      const lengths = int32('past_sequence_lengths')
      const [mostNew = 0, mostTokens = 0] = int32('attention_metadata')
      const table = find(feeds, 'block_table')
      const [rows = 0, width = 0] = table.dims
      const ids = int64('input_ids')
      const written = new Set<number>()
      const logits: Float32Array[] = []
      for (let row = 0; row < rows; row++) {
        const before = lengths[row] ?? 0
        const own = ids.slice(ends[row], ends[row + 1])
        if (own.length > mostNew || before + own.length > mostTokens) throw new Error('wrong metadata')
        const blocks = (table.data as Int32Array).subarray(row * width, (row + 1) * width)
        const caches = pastNames.map((name) => new RowCache(find(feeds, name), blocks, spec))
        const past = caches.map((cache) => cache.read(before))
        const count = own.length
        const outputs = await session.run(
          {
            input_ids: ort.createTensor('int64', BigInt64Array.from(own, BigInt), [1, count]),
            attention_mask: ort.createTensor('int64', new BigInt64Array(before + count).fill(1n), [
              1,
              before + count,
            ]),
            ...Object.fromEntries(
              pastNames.map((name, index) => [
                name,
                ort.createTensor('float32', past[index] ?? new Float32Array(), [
                  1,
                  spec.heads,
                  before,
                  spec.headDim,
                ]),
              ]),
            ),
          },
          Object.fromEntries(['logits', ...presentNames].map((name) => [name, null])),
          options,
        )
        for (const [index, cache] of caches.entries()) {
          const present = find(outputs, presentNames[index] ?? '').data as Float32Array
          for (const block of cache.write(present, before, count)) written.add(block * rows + row)
        }
        const each = find(outputs, 'logits').data as Float32Array
        for (let at = 0; at < count; at++)
          logits.push(each.subarray((at * each.length) / count, ((at + 1) * each.length) / count))
      }
      refuseShared(written, rows)
      const wanted = int64('logits_indices').map((at) => {
        const found = logits[at]
        if (!found) throw new Error(`There is no token ${at}`)
        return found
      })
      const data = new Float32Array(wanted.flatMap((values) => [...values]))
      const shape = [1, wanted.length, data.length / wanted.length]
      if (fetches.logits) throw new Error('These logits are on the CPU')
      return { logits: ort.createTensor('float32', data, shape) }
    },
  }
}

/** Two rows that write to one block would destroy each other's tokens. */
function refuseShared(written: ReadonlySet<number>, rows: number): void {
  const blocks = [...written].map((entry) => Math.floor(entry / rows))
  if (new Set(blocks).size < blocks.length) throw new Error('Two rows write to one block')
}

/** A row's keys or values in the blocks of one cache, `[blocks, block size, heads, headDim]`. */
class RowCache {
  readonly #values: Float32Array | Uint16Array
  readonly #blocks: Int32Array
  readonly #blockSize: number
  readonly #spec: KvSpec

  constructor({ data, dims }: OrtTensor, blocks: Int32Array, spec: KvSpec) {
    this.#values = data as Float32Array | Uint16Array
    this.#blocks = blocks
    this.#blockSize = dims[1] ?? 0
    this.#spec = spec
  }

  /** The first tokens, `[heads, tokens, headDim]`. */
  read(tokens: number): Float32Array<ArrayBuffer> {
    const { heads, headDim } = this.#spec
    const values = new Float32Array(heads * tokens * headDim)
    this.#each(0, tokens, (at, head, place) => {
      const stored = this.#values.subarray(place, place + headDim)
      values.set(
        stored instanceof Uint16Array ? halvesToFloats(stored) : stored,
        (head * tokens + at) * headDim,
      )
    })
    return values
  }

  /** Stores the tokens after `before`. @returns the blocks that were written. */
  write(present: Float32Array, before: number, count: number): ReadonlySet<number> {
    const { headDim } = this.#spec
    const length = before + count
    return this.#each(before, length, (at, head, place) => {
      const own = present.subarray((head * length + at) * headDim, (head * length + at + 1) * headDim)
      this.#values.set(this.#values instanceof Uint16Array ? floatsToHalves(own) : own, place)
    })
  }

  #each(from: number, until: number, use: (at: number, head: number, place: number) => void): Set<number> {
    const { heads, headDim } = this.#spec
    const used = new Set<number>()
    for (let at = from; at < until; at++) {
      const block = this.#blocks[Math.floor(at / this.#blockSize)]
      if (block === undefined) throw new Error('The table has too few blocks')
      used.add(block)
      const token = block * this.#blockSize + (at % this.#blockSize)
      if ((token + 1) * heads * headDim > this.#values.length) throw new Error(`There is no block ${block}`)
      for (let head = 0; head < heads; head++) use(at, head, (token * heads + head) * headDim)
    }
    return used
  }
}

function find(tensors: Readonly<Record<string, OrtTensor>>, name: string): OrtTensor {
  const found = tensors[name]
  if (!found) throw new Error(`There is no "${name}"`)
  return found
}
