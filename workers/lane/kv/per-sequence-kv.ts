import { arrayOf } from '../../../models/core/index.ts'
import { bytesPerToken, type KvSpec } from '../../../models/core/kv-spec.ts'
import type { Ort, OrtTensor } from '../runtime/ort.ts'
import type { Logits } from '../sampling/types.ts'
import type { DecoderGraph } from './decoder-graph.ts'
import type { Kv, KvRow, KvShape, LogitsMode } from './kv.ts'

interface Past {
  readonly tensors: readonly OrtTensor[]
  readonly length: number
}

/**
 * For models that cannot run rows of different lengths together: each slot runs alone. A slot's last present tensors
 * are its next past, wherever the runtime keeps them. They can only be appended to, not truncated.
 */
export class PerSequenceKv implements Kv {
  readonly #graph: DecoderGraph
  readonly #ort: Ort
  readonly #spec: KvSpec
  #shape: KvShape
  #pasts: (Past | undefined)[]

  constructor(graph: DecoderGraph, ort: Ort, spec: KvSpec, shape: KvShape) {
    this.#graph = graph
    this.#ort = ort
    this.#spec = spec
    this.#shape = shape
    this.#pasts = new Array<Past | undefined>(shape.slots)
  }

  get shape(): KvShape {
    return this.#shape
  }

  length(slot: number): number {
    return this.#pasts[slot]?.length ?? 0
  }

  bytes({ slots, capacity }: KvShape): number {
    return 2 * slots * capacity * bytesPerToken(this.#spec)
  }

  resize(shape: KvShape, from: readonly (number | undefined)[]): void {
    const pasts = Array.from({ length: shape.slots }, (_, slot) => this.#pasts[from[slot] ?? -1])
    for (const past of this.#pasts) if (!pasts.includes(past)) this.#release(past)
    this.#shape = shape
    this.#pasts = pasts
  }

  truncate(slot: number, length: number): number {
    if (length < this.length(slot)) {
      this.#release(this.#pasts[slot])
      this.#pasts[slot] = undefined
    }
    return this.length(slot)
  }

  /** Copies nothing: a slot's tensors are its own, and cannot be cut. */
  copyPrefix(_from: number, to: number): number {
    return this.length(to)
  }

  /** False, though the graph may: a slot can be emptied, not truncated. */
  readonly returnsEach = false

  async prefill(
    slot: number,
    tokens: readonly number[],
    logitsMode?: LogitsMode,
    adapter?: number,
  ): Promise<Logits | undefined> {
    const output = await this.#run({ slot, adapter }, tokens, logitsMode)
    return logitsMode && output.logitsOf(0)
  }

  async prefillEach(): Promise<never> {
    throw new RangeError('These keys and values cannot be truncated to what was right')
  }

  async decode(rows: readonly KvRow[], logitsMode: LogitsMode): Promise<readonly Logits[]> {
    const logits: Logits[] = []
    for (const row of rows) logits.push((await this.#run(row, [row.token], logitsMode)).logitsOf(0))
    return logits
  }

  dispose(): void {
    for (const past of this.#pasts) this.#release(past)
    this.#pasts = []
  }

  async #run({ slot, adapter }: Omit<KvRow, 'token'>, tokens: readonly number[], logitsMode?: LogitsMode) {
    const past = this.#pasts[slot] ?? this.#empty()
    const output = await this.#graph.run({
      rows: [{ tokens, before: past.length, adapter }],
      past: past.tensors,
      ...(logitsMode && { logitsMode }),
    })
    this.#release(past)
    this.#pasts[slot] = { tensors: output.present, length: past.length + tokens.length }
    return output
  }

  #release(past: Past | undefined): void {
    if (past) this.#ort.release(past.tensors)
  }

  #empty(): Past {
    const { layers, heads, headDim, type } = this.#spec
    const none = () => this.#ort.createTensor(type, new (arrayOf(type))(0), [1, heads, 0, headDim])
    return { tensors: Array.from({ length: 2 * layers }, none), length: 0 }
  }
}
