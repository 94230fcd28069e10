import { SpillwayError } from '../../../../models/core/index.ts'
import { countOf } from '../../../../models/core/wording.ts'
import { type DecoderSession, type Ort, type OrtTensor, quiet } from '../../runtime/ort.ts'
import { runFailure } from '../../runtime/run-failure.ts'
import type { Logits } from '../../sampling/types.ts'
import { kvNames, logitsAt, logitsTypeOf } from '../decoder-graph.ts'

/** A row of a run: its new tokens, how many its blocks hold already, and the blocks, with room for the new ones. */
export interface PagedRow {
  readonly tokens: readonly number[]
  readonly before: number
  readonly blocks: readonly number[]
}

export interface PagedRun {
  /** Rows may have different numbers of tokens: the graph takes them one after the other, without padding. */
  readonly rows: readonly PagedRow[]
  /** After which tokens logits are wanted, counted through all rows. At least one. */
  readonly logitsAt: readonly number[]
  /** Keys and values by layer, which the run reads and writes: `[blocks, block size, heads, headDim]`. */
  readonly cache: readonly OrtTensor[]
  /** A tensor on the device for the logits, `[1, logitsAt, vocabulary]`; else they are read. */
  readonly logits?: OrtTensor | undefined
  /** The rows' tokens, one each, where they are on the device: `[rows]`. */
  readonly tokens?: OrtTensor | undefined
}

/** The inputs of a paged graph beside its keys and values. */
export const pagedInputs = [
  'input_ids',
  'block_table',
  'cumulative_sequence_lengths',
  'past_sequence_lengths',
  'attention_metadata',
  'logits_indices',
] as const

/** Whether a graph reads its keys and values through tables of blocks. */
export const isPaged = ({ inputNames }: Pick<DecoderSession, 'inputNames'>): boolean =>
  inputNames.includes('block_table')

/** Runs a decoder's graph whose attention is onnxruntime's `PagedAttention`, as `spillway page` writes it. */
export class PagedGraph {
  readonly #ort: Ort
  readonly #session: DecoderSession
  readonly #vocabulary: number
  readonly #pastNames: readonly string[]
  readonly #presentNames: readonly string[]
  readonly #hasPositions: boolean
  readonly logitsType: 'float32' | 'float16'

  /** @throws SpillwayError `model_invalid` where the graph is no paged decoder with these layers. */
  constructor(ort: Ort, session: DecoderSession, layers: number, vocabulary: number) {
    this.#ort = ort
    this.#session = session
    this.#vocabulary = vocabulary
    this.#pastNames = kvNames('past_key_values', layers)
    this.#presentNames = kvNames('present', layers)
    this.#hasPositions = session.inputNames.includes('position_ids')
    this.logitsType = logitsTypeOf(session)
    this.#checkNames()
  }

  /**
   * @returns The logits after each of the tokens asked for, where these are read.
   * @throws SpillwayError As `runFailure`.
   */
  async run(run: PagedRun): Promise<readonly Logits[]> {
    const { rows, cache, logits } = run
    const created = this.#inputs(run)
    const feeds: Record<string, OrtTensor> = { ...created, ...(run.tokens && { input_ids: run.tokens }) }
    const fetches: Record<string, OrtTensor | null> = { logits: logits ?? null }
    for (const [index, tensor] of cache.entries()) {
      feeds[this.#pastNames[index] ?? ''] = tensor
      fetches[this.#presentNames[index] ?? ''] = tensor
    }
    try {
      const { logits: read } = await this.#session.run(feeds, fetches, quiet)
      if (!read) throw new SpillwayError('run_failed', 'The model returned no "logits"')
      return logits ? [] : run.logitsAt.map((_, row) => logitsAt(read, row, this.#vocabulary))
    } catch (cause) {
      if (cause instanceof SpillwayError) throw cause
      const count = rows.reduce((sum, { tokens }) => sum + tokens.length, 0)
      throw await runFailure(
        this.#ort,
        `to decode ${countOf(count, 'token')} of ${countOf(rows.length, 'sequence')}`,
        cause,
      )
    } finally {
      for (const tensor of Object.values(created)) tensor.dispose()
    }
  }

  #inputs({ rows, logitsAt: wanted, tokens: onDevice }: PagedRun): Record<string, OrtTensor> {
    const int32 = (values: readonly number[], shape: readonly number[]) =>
      this.#ort.createTensor('int32', Int32Array.from(values), shape)
    const int64 = (values: readonly number[], shape: readonly number[]) =>
      this.#ort.createTensor('int64', BigInt64Array.from(values, BigInt), shape)
    const ends = [0]
    for (const { tokens } of rows) ends.push((ends.at(-1) ?? 0) + tokens.length)
    const count = ends.at(-1) ?? 0
    const width = Math.max(...rows.map(({ blocks }) => blocks.length))
    const table = rows.flatMap(({ blocks }) => [...blocks, ...Array<number>(width - blocks.length).fill(0)])
    const longest = [
      Math.max(...rows.map(({ tokens }) => tokens.length)),
      Math.max(...rows.map(({ tokens, before }) => before + tokens.length)),
    ]
    return {
      ...(!onDevice && {
        input_ids: int64(
          rows.flatMap(({ tokens }) => tokens),
          [count],
        ),
      }),
      ...(this.#hasPositions && { position_ids: int64(rows.flatMap(positionsOf), [1, count]) }),
      block_table: int32(table, [rows.length, width]),
      cumulative_sequence_lengths: int32(ends, [ends.length]),
      past_sequence_lengths: int32(
        rows.map(({ before }) => before),
        [rows.length],
      ),
      attention_metadata: int32(longest, [2]),
      logits_indices: int64(wanted, [wanted.length]),
    }
  }

  #checkNames(): void {
    const { inputNames, outputNames } = this.#session
    const known = [...pagedInputs, 'position_ids', ...this.#pastNames]
    const needed = ['logits', ...this.#presentNames]
    const missing =
      [...pagedInputs, ...this.#pastNames].find((name) => !inputNames.includes(name)) ??
      inputNames.find((name) => !known.includes(name)) ??
      needed.find((name) => !outputNames.includes(name))
    if (missing === undefined) return
    throw new SpillwayError(
      'model_invalid',
      `The paged graph and its manifest's decoder disagree on "${missing}"`,
      {
        expected: `${pagedInputs.join(', ')}, ${this.#pastNames.length} past_key_values → logits, present`,
        got: `${inputNames.slice(0, 8).join(', ')}, … → ${outputNames.slice(0, 3).join(', ')}, …`,
        hint: 'Make it with "spillway page".',
      },
    )
  }
}

const positionsOf = ({ tokens, before }: PagedRow) => tokens.map((_, at) => before + at)
