import { halvesToFloats } from '../../../../models/core/half.ts'
import type { SpillwayError } from '../../../../models/core/index.ts'
import { checkSampling } from '../../../../models/core/sampling.ts'
import type { TokenLogprob } from '../../../protocol/generation.ts'
import type { OrtTensor } from '../../runtime/ort.ts'
import { isAsProposed } from '../../sampling/is-as-proposed.ts'
import { noneAllowed } from '../../sampling/mask.ts'
import { Penalties } from '../../sampling/penalties.ts'
import { invalidLogits } from '../../sampling/sampler.ts'
import type { Choice, ChoiceRow, Chooser, Chosen, DeviceLogits, Logits } from '../../sampling/types.ts'
import { BufferReader } from './buffer-reader.ts'
import { choiceKernel } from './choice-kernel.ts'
import { GpuChoice, type RowPlaces } from './gpu-choice.ts'
import { GrowingBuffer } from './growing-buffer.ts'
import { parameterWords, resultWords, status } from './kernel-layout.ts'

export interface GpuChooserOptions {
  readonly device: GPUDevice
  readonly vocabulary: number
  /** The type of the model's logits. */
  readonly type: 'float32' | 'float16'
  readonly fromBuffer: (
    buffer: GPUBuffer,
    type: 'float32' | 'float16' | 'int64',
    shape: readonly number[],
  ) => OrtTensor
  /** The error of a choice that failed. */
  readonly failure: (cause: unknown) => Promise<SpillwayError>
}

/** The kernel for logits that a run left, and for those that come from the CPU. */
interface Pipelines {
  readonly device: GPUComputePipeline
  readonly uploaded: GPUComputePipeline
}

/**
 * Chooses tokens on the GPU, from logits that a run left there. The queue keeps the order: a run's logits, the choice
 * from them, the next run on its tokens. So every buffer exists once, however many steps are in flight.
 */
export class GpuChooser implements Chooser {
  readonly #options: GpuChooserOptions
  readonly #pipelines: Pipelines
  readonly #reader: BufferReader
  readonly #deviceLogits: GrowingBuffer
  readonly #uploadedLogits: GrowingBuffer
  readonly #inputs: GrowingBuffer
  readonly #tables: GrowingBuffer
  readonly #results: GrowingBuffer
  readonly #tokens: GrowingBuffer
  /** Free tables, below the first that was never used. */
  readonly #freeTables: number[] = []
  #usedTables = 0

  private constructor(options: GpuChooserOptions, pipelines: Pipelines) {
    const { device } = options
    const buffer = (label: string, keeps = false) => new GrowingBuffer(device, `${label} of choices`, keeps)
    this.#options = options
    this.#pipelines = pipelines
    this.#reader = new BufferReader(device, options.failure)
    this.#deviceLogits = buffer('logits')
    this.#uploadedLogits = buffer('uploaded logits')
    this.#inputs = buffer('inputs')
    this.#tables = buffer('tables', true)
    this.#results = buffer('results')
    this.#tokens = buffer('tokens')
  }

  /** @throws Error where the browser refuses the kernel. */
  static async create(options: GpuChooserOptions): Promise<GpuChooser> {
    const { device, vocabulary, type } = options
    const compile = async (logits: 'float32' | 'float16') => {
      const label = `choice from ${logits}`
      const module = device.createShaderModule({ label, code: choiceKernel(vocabulary, logits) })
      const { messages } = await module.getCompilationInfo()
      const refused = messages.find(({ type: kind }) => kind === 'error')
      if (refused) throw new Error(`${label}, line ${refused.lineNum}: ${refused.message}`)
      return device.createComputePipelineAsync({ label, layout: 'auto', compute: { module } })
    }
    device.pushErrorScope('validation')
    try {
      const uploaded = await compile('float32')
      return new GpuChooser(options, {
        uploaded,
        device: type === 'float32' ? uploaded : await compile(type),
      })
    } finally {
      // A kernel that does not compile is no loss of the device.
      await device.popErrorScope()
    }
  }

  readonly device = {
    logits: (rows: number, tokens = 1) => {
      const { vocabulary, type, fromBuffer } = this.#options
      const bytes = rows * tokens * vocabulary * (type === 'float32' ? 4 : 2)
      return fromBuffer(this.#deviceLogits.of(bytes), type, [rows, tokens, vocabulary])
    },
    tokens: (rows: number) => this.#options.fromBuffer(this.#tokens.of(8 * rows), 'int64', [rows, 1]),
  }

  open(...[sampling, prompt, generated]: Parameters<Chooser['open']>): Choice {
    checkSampling(sampling)
    return new GpuChoice(sampling, new Penalties(sampling, prompt, generated))
  }

  async choose(rows: readonly ChoiceRow[]): Promise<readonly Chosen[]> {
    const [uploaded, onDevice] = [rows.filter(isOnCpu), rows.filter((row) => !isOnCpu(row))]
    // Both are submitted before either is waited for.
    const chosen = (await Promise.all([this.#start(uploaded), this.#start(onDevice)])).flat()
    const byRow = new Map([...uploaded, ...onDevice].map((row, index) => [row, chosen[index]]))
    return rows.flatMap((row) => {
      const own = byRow.get(row)
      if (own && 'token' in own) choiceOf(row).noteChosen(own.token)
      return own ?? []
    })
  }

  async verify(rows: readonly ChoiceRow[], proposed: readonly number[]): Promise<readonly Chosen[]> {
    const [first] = rows
    if (!first) return []
    const chosen = await this.#start(rows, proposed)
    const wrong = chosen.findIndex((each, at) => !isAsProposed(each, proposed[at]))
    const made = chosen.slice(0, wrong + 1)
    choiceOf(first).recount(
      [],
      made.flatMap((each) => ('token' in each ? each.token : [])),
    )
    return made
  }

  async keep(logits: Logits | DeviceLogits): Promise<Logits> {
    if ('values' in logits) return { values: logits.values.slice() }
    const { device, vocabulary, type } = this.#options
    const size = type === 'float32' ? 4 : 2
    const start = logits.row * vocabulary * size
    // Copies begin and end at whole words, halves do not.
    const [from, until] = [start - (start % 4), Math.ceil((start + vocabulary * size) / 4) * 4]
    const encoder = device.createCommandEncoder({ label: 'logits to keep' })
    const bytes = await this.#reader.submitAndRead(encoder, this.#deviceLogits.of(until), from, until - from)
    if (type === 'float32') return { values: new Float32Array(bytes, start - from, vocabulary) }
    return { values: halvesToFloats(new Uint16Array(bytes, start - from, vocabulary)) }
  }

  close(): void {
    this.#reader.destroy()
    for (const buffer of [
      this.#deviceLogits,
      this.#uploadedLogits,
      this.#inputs,
      this.#tables,
      this.#results,
      this.#tokens,
    ])
      buffer.destroy()
  }

  /**
   * Starts a choice for rows whose logits are in one buffer.
   * @param proposed As of `verify`: then the kernel counts nothing.
   */
  async #start(rows: readonly ChoiceRow[], proposed?: readonly number[]): Promise<readonly Chosen[]> {
    if (rows.length === 0) return []
    const { device, vocabulary } = this.#options
    const isUploaded = rows.every(isOnCpu)
    const pipeline = isUploaded ? this.#pipelines.uploaded : this.#pipelines.device
    const logits = isUploaded ? this.#uploadedLogits : this.#deviceLogits
    const { places, inputs, resultBytes } = this.#layOut(rows, proposed)
    this.#inputs.write(0, inputs)
    if (isUploaded) logits.of(4 * vocabulary * rows.length)
    for (const [row, { logits: own }] of rows.entries())
      if ('values' in own) this.#uploadedLogits.write(4 * vocabulary * row, own.values)
    const results = this.#results.of(resultBytes)
    const lastRow = Math.max(...places.map(({ token }) => token))
    const encoder = device.createCommandEncoder({ label: 'choice' })
    const pass = encoder.beginComputePass({ label: 'choice' })
    pass.setPipeline(pipeline)
    pass.setBindGroup(
      0,
      device.createBindGroup({
        layout: pipeline.getBindGroupLayout(0),
        entries: [
          logits.of(0),
          this.#inputs.of(0),
          this.#tables.of(16),
          results,
          this.#tokens.of(8 * lastRow + 8),
        ].map((buffer, binding) => ({ binding, resource: { buffer } })),
      }),
    )
    pass.dispatchWorkgroups(rows.length)
    pass.end()
    const bytes = await this.#reader.submitAndRead(encoder, results, 0, resultBytes)
    return rows.map((row, index) => readResult(bytes, places[index]?.result ?? 0, row, vocabulary))
  }

  /** The parameters of all rows, then the proposed tokens, of which row `i` has the first `i` before it, then masks. */
  #layOut(rows: readonly ChoiceRow[], proposed?: readonly number[]) {
    const { vocabulary } = this.#options
    const maskWords = Math.ceil(vocabulary / 32)
    const at = parameterWords * rows.length
    let end = at + (proposed?.length ?? 0)
    let result = 0
    const places = rows.map((one, row): RowPlaces => {
      const { logits, position, allowed } = one
      const place = {
        logitsRow: 'row' in logits ? logits.row : row,
        token: 'row' in logits ? logits.row : row,
        position,
        result,
        mask: allowed && end,
        proposed: proposed && { at, count: row },
        vocabulary,
      }
      if (allowed) end += maskWords
      result += resultWords + 2 * Math.min(choiceOf(one).sampling.logprobs ?? 0, vocabulary)
      return place
    })
    const inputs = new Uint32Array(end)
    if (proposed) inputs.set(proposed, at)
    for (const [index, row] of rows.entries()) {
      const place = places[index]
      if (!place) continue
      const { allowed } = row
      this.#writeTable(choiceOf(row))
      choiceOf(row).writeParameters(index, inputs.buffer, place)
      if (allowed && place.mask !== undefined) inputs.set(allowed.subarray(0, maskWords), place.mask)
    }
    return { places, inputs, resultBytes: 4 * result }
  }

  /** Gives a sequence its table before its first token, and the counts that the kernel has not made. */
  #writeTable(choice: GpuChoice): void {
    if (!choice.needsTable) return
    const { vocabulary } = this.#options
    if (choice.table) {
      const start = 2 * vocabulary * choice.table.index
      for (const [token, word] of choice.takeRecounted(vocabulary))
        this.#tables.write(4 * (start + token), Uint32Array.of(word))
      return
    }
    const index = this.#freeTables.pop() ?? this.#usedTables++
    choice.table = { index, free: () => this.#freeTables.push(index) }
    this.#tables.write(8 * vocabulary * index, choice.tableWords(vocabulary))
  }
}

const isOnCpu = ({ logits }: ChoiceRow) => 'values' in logits

function choiceOf({ choice }: ChoiceRow): GpuChoice {
  if (choice instanceof GpuChoice) return choice
  throw new TypeError('The choice is of another chooser')
}

/** @param at The word of the row's result. */
function readResult(bytes: ArrayBuffer, at: number, row: ChoiceRow, vocabulary: number): Chosen {
  const words = new Uint32Array(bytes, 4 * at)
  const floats = new Float32Array(bytes, 4 * at)
  const [token = 0, outcome = 0, , place = 0] = words
  if (outcome === status.nan) return invalidLogits(`NaN at index ${place}`)
  if (outcome === status.infinite) return invalidLogits(`infinity at index ${place}`)
  if (outcome === status.noneLeft && row.allowed) return noneAllowed()
  if (outcome !== status.chosen) return invalidLogits('no finite number')
  const { logprobs } = choiceOf(row).sampling
  if (logprobs === undefined) return { token }
  const top = Array.from({ length: Math.min(logprobs, vocabulary) }, (_, rank): TokenLogprob => {
    const pair = resultWords + 2 * rank
    return { token: words[pair] ?? 0, logprob: floats[pair + 1] ?? 0 }
  })
  return { token, logprob: floats[2] ?? 0, top }
}
