import { halvesToFloats } from '../../../models/core/half.ts'
import { type NumericData, SpillwayError } from '../../../models/core/index.ts'
import { countOf } from '../../../models/core/wording.ts'
import { type DecoderSession, type Ort, type OrtTensor, quiet } from '../runtime/ort.ts'
import { runFailure } from '../runtime/run-failure.ts'
import type { Logits } from '../sampling/types.ts'
import type { DeviceRun, KvRow, LogitsMode } from './kv.ts'
import { LogitsMemory } from './logits-memory.ts'

/** A row of a run: its new tokens, how many tokens its past holds, and its adapter, as of `KvRow`. */
export interface GraphRow {
  readonly tokens: readonly number[]
  readonly before: number
  readonly adapter: number | undefined
}

/** The row of a slot that gets its next token. @param before Tokens that the slot holds. */
export const stepRow = ({ token, adapter }: KvRow, before: number): GraphRow => ({
  tokens: [token],
  before,
  adapter,
})

export interface GraphRun {
  /** All have the same number of tokens. With more than one token, there is a single row. */
  readonly rows: readonly GraphRow[]
  /** Keys and values by layer: `past_key_values.0.key`, `.0.value`, `.1.key`, … */
  readonly past: readonly OrtTensor[]
  /** Tensors to write the present into; else the runtime makes new ones. */
  readonly present?: readonly OrtTensor[]
  /** Absent: no logits, or those of `device`. */
  readonly logitsMode?: LogitsMode | undefined
  /** Whether the logits after each token of the row are wanted, not after the last only. */
  readonly wantsEach?: boolean
  readonly device?: DeviceRun
}

/** What a run that appends to one slot returns, and its adapter. */
export type AppendOptions = Omit<GraphRun, 'rows' | 'past' | 'present'> & Pick<GraphRow, 'adapter'>

export interface GraphOutput {
  /** Logits for the token after the row's last: a view of the run's output. */
  logitsOf(row: number): Logits
  /** Logits after each token of the only row. */
  each(): readonly Logits[]
  /** Keys and values, in the order of the past. */
  readonly present: readonly OrtTensor[]
}

const topOutputs = ['top_logits', 'top_ids', 'log_sum_exp'] as const

export interface DecoderGraphOptions {
  /** Whether rows choose an adapter. */
  readonly hasAdapters?: boolean
  /** Whether the session writes logits into a tensor that it is given. */
  readonly writesLogits?: boolean
}

/** Runs a decoder's graph, whose inputs and outputs have the names that Hugging Face's exports use. */
export class DecoderGraph {
  readonly #ort: Ort
  readonly #session: DecoderSession
  readonly #vocabulary: number
  readonly #pastNames: readonly string[]
  readonly #presentNames: readonly string[]
  readonly #hasPositions: boolean
  readonly #hasLogitsToKeep: boolean
  readonly #hasAdapters: boolean
  /** Undefined where the runtime makes its own. */
  readonly #logits: LogitsMemory | undefined
  #returnsEach: boolean
  /** Ones. The mask of a single row is a part of it. */
  #ones = new BigInt64Array(0)
  /** How many of the likeliest tokens the graph can return instead of all logits; 0 where it cannot. */
  readonly selected: number
  readonly logitsType: 'float32' | 'float16'

  /** @throws SpillwayError `model_invalid` where the graph is no decoder with these layers. */
  constructor(
    ort: Ort,
    session: DecoderSession,
    layers: number,
    vocabulary: number,
    { hasAdapters = false, writesLogits = false }: DecoderGraphOptions = {},
  ) {
    this.#ort = ort
    this.#session = session
    this.#vocabulary = vocabulary
    this.#pastNames = kvNames('past_key_values', layers)
    this.#presentNames = kvNames('present', layers)
    this.#hasPositions = session.inputNames.includes('position_ids')
    this.#hasLogitsToKeep = session.inputNames.includes('num_logits_to_keep')
    this.#hasAdapters = hasAdapters
    this.#returnsEach = this.#hasLogitsToKeep
    this.selected = selectedCount(session)
    this.logitsType = logitsTypeOf(session)
    const isWritten = writesLogits && this.logitsType === 'float32'
    this.#logits = isWritten ? new LogitsMemory(ort.createTensor) : undefined
    this.#checkNames()
  }

  /** Whether it can return the logits after each token of a run: some graphs keep the last one's. */
  get returnsEach(): boolean {
    return this.#returnsEach
  }

  /** @throws SpillwayError As `runFailure`. */
  async run(run: GraphRun): Promise<GraphOutput> {
    const { rows, present, logitsMode, device } = run
    const count = rows[0]?.tokens.length ?? 0
    const { feeds, created } = this.#feeds(run)
    const fetches: Record<string, OrtTensor | null> = {}
    for (const [index, name] of this.#presentNames.entries()) fetches[name] = present?.[index] ?? null
    const names =
      logitsMode === undefined
        ? []
        : logitsMode === 'top' && this.selected > 0
          ? topOutputs
          : (['logits'] as const)
    for (const name of names) fetches[name] = null
    const logitsRun = { rows: rows.length, count, wantsEach: run.wantsEach === true }
    if (device) fetches.logits = device.logits
    let outputs: Awaited<ReturnType<DecoderSession['run']>>
    try {
      if (names[0] === 'logits') fetches.logits = this.#logits?.tensor(logitsRun) ?? null
      outputs = await this.#session.run(feeds, fetches, quiet)
    } catch (cause) {
      throw await runFailure(
        this.#ort,
        `to decode ${countOf(rows.length * count, 'token')} of ${countOf(rows.length, 'sequence')}`,
        cause,
      )
    } finally {
      for (const tensor of created) tensor.dispose()
    }
    const find = (name: string): OrtTensor => {
      const found = outputs[name]
      if (!found) throw new SpillwayError('run_failed', `The model returned no "${name}"`)
      return found
    }
    if (names[0] === 'logits') this.#logits?.learn(logitsRun, find('logits'))
    // Seen at the first prompt: the graph's own shapes may be no more than names.
    if (names.length === 1 && count > 1 && !this.#hasLogitsToKeep)
      this.#returnsEach = find('logits').dims[1] === count
    return {
      present: present ?? this.#presentNames.map(find),
      ...readLogits(names, find, rows, this.#vocabulary),
    }
  }

  /** Gives back memory that the next run makes anew. */
  shrink(): void {
    this.#logits?.free()
  }

  #feeds({ rows, past, device, wantsEach = false }: GraphRun) {
    const tokens = device?.tokens
    const count = rows[0]?.tokens.length ?? 0
    const ids = new BigInt64Array(rows.length * count)
    for (const [row, { tokens }] of rows.entries()) {
      for (let at = 0; at < count; at++) ids[row * count + at] = BigInt(tokens[at] ?? 0)
    }
    const int64 = (data: BigInt64Array, shape: readonly number[]) =>
      this.#ort.createTensor('int64', data, shape)
    const width = Math.max(...rows.map(({ before }) => before)) + count
    const created: Record<string, OrtTensor> = {
      ...(!tokens && { input_ids: int64(ids, [rows.length, count]) }),
      attention_mask: int64(this.#mask(rows, count, width), [rows.length, width]),
    }
    if (this.#hasPositions) {
      const positions = new BigInt64Array(ids.length)
      for (const [row, { before }] of rows.entries()) {
        for (let at = 0; at < count; at++) positions[row * count + at] = BigInt(before + at)
      }
      created.position_ids = int64(positions, [rows.length, count])
    }
    if (this.#hasLogitsToKeep)
      created.num_logits_to_keep = int64(BigInt64Array.of(wantsEach ? BigInt(count) : 1n), [])
    if (this.#hasAdapters) {
      const adapters = rows.map(({ adapter = 0 }) => BigInt(adapter))
      created.adapter_ids = int64(BigInt64Array.from(adapters), [rows.length])
    }
    const feeds: Record<string, OrtTensor> = { ...created, ...(tokens && { input_ids: tokens }) }
    for (const [index, name] of this.#pastNames.entries()) {
      const tensor = past[index]
      if (tensor) feeds[name] = tensor
    }
    return { feeds, created: Object.values(created) }
  }

  /** Ones for each row's tokens, from its beginning: the sum of a row's mask is its length. */
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
    const needed = [
      'input_ids',
      'attention_mask',
      ...(this.#hasAdapters ? ['adapter_ids'] : []),
      ...this.#pastNames,
    ]
    const known = [...needed, 'position_ids', 'num_logits_to_keep']
    const missing =
      needed.find((name) => !inputNames.includes(name)) ??
      inputNames.find((name) => !known.includes(name)) ??
      ['logits', ...this.#presentNames].find((name) => !outputNames.includes(name))
    if (missing === undefined) return
    throw new SpillwayError(
      'model_invalid',
      `The graph and its manifest's decoder disagree on "${missing}"`,
      {
        expected: `${this.#hasAdapters ? 'adapter_ids, ' : ''}input_ids, attention_mask, ${this.#pastNames.length} past_key_values → logits, present`,
        got: `${inputNames.slice(0, 6).join(', ')}, … → ${outputNames.slice(0, 3).join(', ')}, …`,
      },
    )
  }
}

function selectedCount({ outputNames, outputMetadata }: DecoderSession): number {
  if (!topOutputs.every((name) => outputNames.includes(name))) return 0
  const top = outputMetadata.find(({ name }) => name === topOutputs[0])
  const count = top?.isTensor ? top.shape.at(-1) : undefined
  return typeof count === 'number' ? count : 0
}

/** Names of keys and values by layer, in the order of all arrays of them. */
export const kvNames = (prefix: string, layers: number): string[] =>
  Array.from({ length: layers }, (_, layer) => layer).flatMap((layer) => [
    `${prefix}.${layer}.key`,
    `${prefix}.${layer}.value`,
  ])

/** Engines with a Float16Array give halves as one, others their bits. */
const floatsOf = ({ buffer, byteOffset, length }: NumericData): Float32Array =>
  halvesToFloats(new Uint16Array(buffer, byteOffset, length))

/** The type of a graph's logits. */
export function logitsTypeOf({ outputMetadata }: DecoderSession): 'float32' | 'float16' {
  const logits = outputMetadata.find(({ name }) => name === 'logits')
  return logits?.isTensor && logits.type === 'float16' ? 'float16' : 'float32'
}

/** The logits at one place of a run's output: a view of it where these are floats. */
export function logitsAt({ data, type }: OrtTensor, place: number, vocabulary: number): Logits {
  const values = (data as NumericData).subarray(place * vocabulary, (place + 1) * vocabulary)
  return { values: type === 'float16' ? floatsOf(values) : (values as Float32Array) }
}

function readLogits(
  names: readonly string[],
  find: (name: string) => OrtTensor,
  rows: readonly GraphRow[],
  vocabulary: number,
): Pick<GraphOutput, 'logitsOf' | 'each'> {
  const refuse = () => {
    throw new RangeError('The run was asked for no such logits')
  }
  if (names.length === 0) return { logitsOf: refuse, each: refuse }
  if (names.length === 1) {
    const logits = find('logits')
    // Some graphs return logits of every position, others of the last only.
    const positions = logits.dims[1] ?? 1
    const at = (position: number) => logitsAt(logits, position, vocabulary)
    return {
      logitsOf: (row) => at((row + 1) * positions - 1),
      each: () => Array.from({ length: positions }, (_, position) => at(position)),
    }
  }
  const [values, ids, sums] = topOutputs.map((name) => find(name).data)
  const k = (values as Float32Array).length / rows.length
  return {
    logitsOf: (row) => ({
      values: (values as Float32Array).subarray(row * k, (row + 1) * k),
      ids: (ids as Int32Array).subarray(row * k, (row + 1) * k),
      logSumExp: (sums as Float32Array)[row],
    }),
    each: refuse,
  }
}
