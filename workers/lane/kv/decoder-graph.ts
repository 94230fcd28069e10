import { SpillwayError } from '../../../models/core/index.ts'
import type { DecoderSession, Ort, OrtTensor } from '../runtime/ort.ts'
import { runFailure } from '../runtime/run-failure.ts'
import type { Logits } from '../sampling/types.ts'
import type { LogitsMode } from './kv.ts'

/** A row of a run: the tokens that it is given, and how many are in its past. */
export interface GraphRow {
  readonly tokens: readonly number[]
  readonly before: number
}

export interface GraphRun {
  /** All with as many tokens; with more than one each, a single row. */
  readonly rows: readonly GraphRow[]
  /** Keys and values by layer: `past_key_values.0.key`, `.0.value`, `.1.key`, … */
  readonly past: readonly OrtTensor[]
  /** Where the present is written; else the runtime makes tensors for it. */
  readonly present?: readonly OrtTensor[]
  /** Absent: no logits. */
  readonly logitsMode?: LogitsMode
}

/** What a run gave. */
export interface GraphOutput {
  /** Logits for the token after a row's last. */
  of(row: number): Logits
  /** Keys and values, in the order of the past. */
  readonly present: readonly OrtTensor[]
}

const selected = ['top_logits', 'top_ids', 'log_sum_exp'] as const

/** A decoder by the hub's names: what it is given besides the past, and how its logits are read. */
export class DecoderGraph {
  readonly #ort: Ort
  readonly #session: DecoderSession
  readonly #vocabulary: number
  readonly #pastNames: readonly string[]
  readonly #presentNames: readonly string[]
  readonly #hasPositions: boolean
  readonly #hasKept: boolean
  /** A mask of ones that single rows' masks are cut from. */
  #ones = new BigInt64Array(0)
  /** Likeliest tokens that the graph selects; 0 where it tells all logits only. */
  readonly selected: number

  /** @throws SpillwayError `model_invalid` where it is no decoder of these layers. */
  constructor(ort: Ort, session: DecoderSession, layers: number, vocabulary: number) {
    this.#ort = ort
    this.#session = session
    this.#vocabulary = vocabulary
    this.#pastNames = kvNames('past_key_values', layers)
    this.#presentNames = kvNames('present', layers)
    this.#hasPositions = session.inputNames.includes('position_ids')
    this.#hasKept = session.inputNames.includes('num_logits_to_keep')
    this.selected = selectedBy(session)
    this.#checkNames()
  }

  /** @throws SpillwayError As `runFailure`. */
  async run({ rows, past, present, logitsMode }: GraphRun): Promise<GraphOutput> {
    const { feeds, made } = this.#feeds(rows, past)
    const fetches: Record<string, OrtTensor | null> = {}
    for (const [index, name] of this.#presentNames.entries()) fetches[name] = present?.[index] ?? null
    const names =
      logitsMode === undefined
        ? []
        : logitsMode === 'top' && this.selected > 0
          ? selected
          : (['logits'] as const)
    for (const name of names) fetches[name] = null
    let outputs: Awaited<ReturnType<DecoderSession['run']>>
    try {
      outputs = await this.#session.run(feeds, fetches)
    } catch (cause) {
      const count = rows.reduce((sum, { tokens }) => sum + tokens.length, 0)
      throw await runFailure(this.#ort, `to decode ${count} tokens of ${rows.length} sequences`, cause)
    } finally {
      for (const tensor of made) tensor.dispose()
    }
    const find = (name: string): OrtTensor => {
      const found = outputs[name]
      if (!found) throw new SpillwayError('run_failed', `The model gave no "${name}"`)
      return found
    }
    return {
      present: present ?? this.#presentNames.map(find),
      of: readLogits(names, find, rows, this.#vocabulary),
    }
  }

  #feeds(rows: readonly GraphRow[], past: readonly OrtTensor[]) {
    const count = rows[0]?.tokens.length ?? 0
    const ids = new BigInt64Array(rows.length * count)
    for (const [row, { tokens }] of rows.entries()) {
      for (let at = 0; at < count; at++) ids[row * count + at] = BigInt(tokens[at] ?? 0)
    }
    const int64 = (data: BigInt64Array, shape: readonly number[]) =>
      this.#ort.createTensor('int64', data, shape)
    const width = Math.max(...rows.map(({ before }) => before)) + count
    const made: Record<string, OrtTensor> = {
      input_ids: int64(ids, [rows.length, count]),
      attention_mask: int64(this.#mask(rows, count, width), [rows.length, width]),
    }
    if (this.#hasPositions) {
      const positions = new BigInt64Array(ids.length)
      for (const [row, { before }] of rows.entries()) {
        for (let at = 0; at < count; at++) positions[row * count + at] = BigInt(before + at)
      }
      made.position_ids = int64(positions, [rows.length, count])
    }
    if (this.#hasKept) made.num_logits_to_keep = int64(BigInt64Array.of(1n), [])
    const feeds = { ...made }
    for (const [index, name] of this.#pastNames.entries()) {
      const tensor = past[index]
      if (tensor) feeds[name] = tensor
    }
    return { feeds, made: Object.values(made) }
  }

  /** Ones for a row's own tokens, from its beginning: a row's length is the sum of its mask. */
  #mask(rows: readonly GraphRow[], count: number, width: number): BigInt64Array {
    if (rows.length === 1) {
      if (this.#ones.length < width) this.#ones = new BigInt64Array(2 * width).fill(1n)
      return this.#ones.subarray(0, width)
    }
    const mask = new BigInt64Array(rows.length * width)
    for (const [row, { before }] of rows.entries()) mask.fill(1n, row * width, row * width + before + count)
    return mask
  }

  #checkNames(): void {
    const { inputNames, outputNames } = this.#session
    const given = ['input_ids', 'attention_mask', 'position_ids', 'num_logits_to_keep', ...this.#pastNames]
    const missing =
      ['input_ids', 'attention_mask', ...this.#pastNames].find((name) => !inputNames.includes(name)) ??
      inputNames.find((name) => !given.includes(name)) ??
      ['logits', ...this.#presentNames].find((name) => !outputNames.includes(name))
    if (missing === undefined) return
    throw new SpillwayError('model_invalid', `The graph is no decoder: it disagrees on "${missing}"`, {
      expected: `input_ids, attention_mask, ${this.#pastNames.length} past_key_values → logits, present`,
      got: `${inputNames.slice(0, 6).join(', ')}, … → ${outputNames.slice(0, 3).join(', ')}, …`,
    })
  }
}

function selectedBy({ outputNames, outputMetadata }: DecoderSession): number {
  if (!selected.every((name) => outputNames.includes(name))) return 0
  const top = outputMetadata.find(({ name }) => name === selected[0])
  const count = top?.isTensor ? top.shape.at(-1) : undefined
  return typeof count === 'number' ? count : 0
}

const kvNames = (prefix: string, layers: number): string[] =>
  Array.from({ length: layers }, (_, layer) => layer).flatMap((layer) => [
    `${prefix}.${layer}.key`,
    `${prefix}.${layer}.value`,
  ])

function readLogits(
  names: readonly string[],
  find: (name: string) => OrtTensor,
  rows: readonly GraphRow[],
  vocabulary: number,
): GraphOutput['of'] {
  if (names.length === 0) {
    return () => {
      throw new RangeError('No logits were wanted')
    }
  }
  if (names.length === 1) {
    const { data, dims } = find('logits')
    const values = data as Float32Array
    // Of every position, or of the last alone.
    const positions = dims[1] ?? 1
    return (row) => {
      const end = (row + 1) * positions * vocabulary
      return { values: values.subarray(end - vocabulary, end) }
    }
  }
  const [values, ids, sums] = selected.map((name) => find(name).data)
  const k = (values as Float32Array).length / rows.length
  return (row) => ({
    values: (values as Float32Array).subarray(row * k, (row + 1) * k),
    ids: (ids as Int32Array).subarray(row * k, (row + 1) * k),
    logSumExp: (sums as Float32Array)[row],
  })
}
