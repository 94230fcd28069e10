import { Tensor } from 'onnxruntime-node'
import {
  type Block,
  type DecoderSession,
  type Move,
  type Ort,
  type OrtSession,
  type OrtTensor,
  quiet,
  type TensorMemory,
} from '../runtime/ort.ts'

/** Sessions of two small graphs on the GPU whose outputs stay there. */
export interface MemorySessions {
  readonly allocate: Pick<OrtSession, 'run'>
  readonly copy: Pick<OrtSession, 'run'>
}

/** The graphs count in words: floats would lose the bits of two halves that look like a number too small. */
const wordBytes = 4

class GpuBlock implements Block {
  readonly bytes: number
  /** It owns the buffer. Undefined until the next run, and once the block is freed. */
  owner: OrtTensor | undefined
  readonly #onFree: (block: GpuBlock) => void

  constructor(bytes: number, onFree: (block: GpuBlock) => void) {
    this.bytes = Math.ceil(Math.max(bytes, 1) / wordBytes) * wordBytes
    this.#onFree = onFree
  }

  get words(): number {
    return this.bytes / wordBytes
  }

  free(): void {
    this.#onFree(this)
  }

  /** @throws Error before the block is allocated. */
  view(dataType: 'float32' | 'float16' | 'int32', dims: readonly number[]): OrtTensor {
    if (!this.owner) throw new Error('The block has no memory')
    return Tensor.fromGpuBuffer(this.owner.gpuBuffer, { dataType, dims: [...dims] })
  }
}

/** What a run gets in the place of a tensor that the caller has. */
interface View {
  readonly block: GpuBlock
  readonly type: 'float32' | 'float16'
  readonly shape: readonly number[]
  tensor: OrtTensor | undefined
}

/**
 * The GPU's memory in a process. onnxruntime-node gives no access to the GPU's device: small graphs allocate blocks
 * there and copy between them. They run just before the session's next run, because callers cannot wait for them.
 */
export class GpuMemory implements TensorMemory {
  readonly hasOffsets = false
  readonly writesOutputs = false
  readonly session: DecoderSession
  readonly #sessions: MemorySessions
  readonly #createTensor: Ort['createTensor']
  readonly #views = new WeakMap<OrtTensor, View>()
  /** Blocks to allocate at the next run. */
  #newBlocks = new Set<GpuBlock>()
  /** Moves to make at the next run, in order. */
  #moves: Move[] = []
  /** Blocks that were freed while a move from them waits. */
  readonly #freed = new Set<GpuBlock>()

  constructor(sessions: MemorySessions, session: OrtSession, createTensor: Ort['createTensor']) {
    this.#sessions = sessions
    this.#createTensor = createTensor
    const { inputNames, outputNames, outputMetadata } = session
    const run: DecoderSession['run'] = async (feeds, fetches, options) => {
      await this.#update()
      const outputs: Record<string, OrtTensor> = {
        ...(await session.run(this.#onGpu(feeds), this.#onGpu(fetches), options)),
      }
      // The caller gets its own tensors back, not the views that took their place.
      for (const [name, tensor] of Object.entries(fetches)) if (tensor) outputs[name] = tensor
      return outputs
    }
    this.session = { inputNames, outputNames, outputMetadata, run }
  }

  allocate(bytes: number): Block {
    const block = new GpuBlock(bytes, (freed) => this.#free(freed))
    this.#newBlocks.add(block)
    return block
  }

  tensor(block: Block, _byte: number, type: 'float32' | 'float16', shape: readonly number[]): OrtTensor {
    const placeholder = this.#createTensor(
      type,
      type === 'float32' ? new Float32Array(0) : new Uint16Array(0),
      [0],
    )
    this.#views.set(placeholder, { block: own(block), type, shape, tensor: undefined })
    return placeholder
  }

  copy(moves: readonly Move[]): void {
    this.#moves.push(...moves)
  }

  /** Allocates and copies what was asked for since the last run. */
  async #update(): Promise<void> {
    for (const block of this.#newBlocks) {
      const { words } = await this.#sessions.allocate.run(
        {
          word: this.#createTensor('int32', new Int32Array(1), [1]),
          shape: this.#createTensor('int64', BigInt64Array.of(BigInt(block.words)), [1]),
        },
        quiet,
      )
      block.owner = words
      this.#newBlocks.delete(block)
    }
    // What a move that fails should have written is not read: the decoder reads all its sequences again.
    const moves = this.#moves
    this.#moves = []
    try {
      for (const group of groupsOf(moves)) await this.#copy(group)
    } finally {
      this.#disposeFreed()
    }
  }

  async #copy({ from, to, moves }: MoveGroup): Promise<void> {
    const unit = moves.reduce(
      (sum, { fromByte, toByte, bytes }) => [fromByte, toByte, bytes].reduce(greatestDivisor, sum),
      0,
    )
    const [fromRows, toRows] = [rowsOf(moves, unit, 'fromByte'), rowsOf(moves, unit, 'toByte')]
    const view = (block: GpuBlock) => block.view('int32', [Math.floor(block.bytes / unit), unit / wordBytes])
    const target = view(to)
    await this.#sessions.copy.run(
      {
        from: view(from),
        from_rows: this.#createTensor('int64', fromRows, [fromRows.length]),
        to: target,
        to_rows: this.#createTensor('int64', toRows, [toRows.length, 1]),
      },
      { copied: target },
      quiet,
    )
  }

  #onGpu<T extends OrtTensor | null>(tensors: Readonly<Record<string, T>>): Record<string, T | OrtTensor> {
    const resolved: Record<string, T | OrtTensor> = {}
    for (const [name, tensor] of Object.entries(tensors)) {
      const view = tensor && this.#views.get(tensor)
      if (view) view.tensor ??= view.block.view(view.type, view.shape)
      resolved[name] = view?.tensor ?? tensor
    }
    return resolved
  }

  #free(block: GpuBlock): void {
    this.#freed.add(block)
    this.#disposeFreed()
  }

  /** Disposes of freed blocks, but for those from which a waiting move reads. */
  #disposeFreed(): void {
    const read = new Set<Block>()
    // From the last move on: one that writes into a freed block is needed by a later one, or not at all.
    const needed = this.#moves.reverse().filter(({ from, to }) => {
      const isNeeded = read.has(to) || !this.#freed.has(own(to))
      if (isNeeded) read.add(from)
      return isNeeded
    })
    this.#moves = needed.reverse()
    for (const block of this.#freed) {
      if (read.has(block)) continue
      this.#newBlocks.delete(block)
      block.owner?.dispose()
      block.owner = undefined
      this.#freed.delete(block)
    }
  }
}

interface MoveGroup {
  readonly from: GpuBlock
  readonly to: GpuBlock
  readonly moves: Move[]
}

/** Neighbouring moves between the same two blocks, which one run makes. */
function groupsOf(moves: readonly Move[]): MoveGroup[] {
  const groups: MoveGroup[] = []
  for (const move of moves) {
    const last = groups.at(-1)
    if (last?.from === move.from && last.to === move.to) last.moves.push(move)
    else groups.push({ from: own(move.from), to: own(move.to), moves: [move] })
  }
  return groups
}

/** The rows of `unit` bytes that the moves read or write. */
function rowsOf(moves: readonly Move[], unit: number, start: 'fromByte' | 'toByte'): BigInt64Array {
  const rows = new BigInt64Array(moves.reduce((sum, { bytes }) => sum + bytes / unit, 0))
  let next = 0
  for (const move of moves) {
    const first = move[start] / unit
    for (let row = 0; row < move.bytes / unit; row++) rows[next++] = BigInt(first + row)
  }
  return rows
}

function greatestDivisor(one: number, other: number): number {
  return other === 0 ? one : greatestDivisor(other, one % other)
}

function own(block: Block): GpuBlock {
  if (block instanceof GpuBlock) return block
  throw new TypeError('The block is of another memory')
}
