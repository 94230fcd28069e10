import { arrayOf } from '../../../models/core/index.ts'
import { bytesPerToken, type KvSpec } from '../../../models/core/language.ts'
import type { Ort, OrtTensor } from '../runtime/ort.ts'
import type { Logits } from '../sampling/types.ts'
import type { DecoderGraph } from './decoder-graph.ts'
import type { Kv, KvRow, KvShape, LogitsMode } from './kv.ts'

interface Chain {
  readonly tensors: readonly OrtTensor[]
  readonly length: number
}

/**
 * For models that cannot take rows of different lengths in one run: each slot has the tensors that its last run gave,
 * wherever the runtime keeps them, and runs alone. What is there cannot be cut, only added to.
 */
export class PerSequenceKv implements Kv {
  readonly #graph: DecoderGraph
  readonly #ort: Ort
  readonly #spec: KvSpec
  #shape: KvShape
  #chains: (Chain | undefined)[]

  constructor(graph: DecoderGraph, ort: Ort, spec: KvSpec, shape: KvShape) {
    this.#graph = graph
    this.#ort = ort
    this.#spec = spec
    this.#shape = shape
    this.#chains = new Array<Chain | undefined>(shape.slots)
  }

  get shape(): KvShape {
    return this.#shape
  }

  length(slot: number): number {
    return this.#chains[slot]?.length ?? 0
  }

  bytes({ slots, capacity }: KvShape): number {
    return 2 * slots * capacity * bytesPerToken(this.#spec)
  }

  resize(shape: KvShape, from: readonly (number | undefined)[]): void {
    const chains = Array.from({ length: shape.slots }, (_, slot) => this.#chains[from[slot] ?? -1])
    for (const chain of this.#chains) if (!chains.includes(chain)) release(chain)
    this.#shape = shape
    this.#chains = chains
  }

  truncate(slot: number, length: number): number {
    if (length < this.length(slot)) {
      release(this.#chains[slot])
      this.#chains[slot] = undefined
    }
    return this.length(slot)
  }

  async prefill(
    slot: number,
    tokens: readonly number[],
    logitsMode?: LogitsMode,
  ): Promise<Logits | undefined> {
    const logits = await this.#run(slot, tokens, logitsMode)
    return logitsMode && logits.of(0)
  }

  async decode(rows: readonly KvRow[], logitsMode: LogitsMode): Promise<readonly Logits[]> {
    const logits: Logits[] = []
    for (const { slot, token } of rows) logits.push((await this.#run(slot, [token], logitsMode)).of(0))
    return logits
  }

  dispose(): void {
    for (const chain of this.#chains) release(chain)
    this.#chains = []
  }

  async #run(slot: number, tokens: readonly number[], logitsMode?: LogitsMode) {
    const chain = this.#chains[slot] ?? this.#empty()
    const output = await this.#graph.run({
      rows: [{ tokens, before: chain.length }],
      past: chain.tensors,
      ...(logitsMode && { logitsMode }),
    })
    release(chain)
    this.#chains[slot] = { tensors: output.present, length: chain.length + tokens.length }
    return output
  }

  #empty(): Chain {
    const { layers, heads, headDim, type } = this.#spec
    const none = () => this.#ort.createTensor(type, new (arrayOf(type))(0), [1, heads, 0, headDim])
    return { tensors: Array.from({ length: 2 * layers }, none), length: 0 }
  }
}

function release(chain: Chain | undefined): void {
  for (const tensor of chain?.tensors ?? []) tensor.dispose()
}
