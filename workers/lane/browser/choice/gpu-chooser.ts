import { halvesToFloats } from '../../../../models/core/half.ts'
import type { SpillwayError } from '../../../../models/core/index.ts'
import { checkSampling } from '../../../../models/core/sampling.ts'
import type { TokenLogprob } from '../../../protocol/generation.ts'
import type { OrtTensor } from '../../runtime/ort.ts'
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
    const isOnCpu = ({ logits }: ChoiceRow) => 'values' in logits
    const [uploaded, onDevice] = [rows.filter(isOnCpu), rows.filter((row) => !isOnCpu(row))]
    // Both are submitted before either is waited for.
    const chosen = await Promise.all([
      this.#start(uploaded, this.#pipelines.uploaded, this.#uploadedLogits),
      this.#start(onDevice, this.#pipelines.device, this.#deviceLogits),
    ])
    const byRow = new Map([...uploaded, ...onDevice].map((row, index) => [row, chosen.flat()[index]]))
    return rows.flatMap((row) => byRow.get(row) ?? [])
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

  /** Starts a choice for rows whose logits are in one buffer. */
  async #start(
    rows: readonly ChoiceRow[],
    pipeline: GPUComputePipeline,
    logits: GrowingBuffer,
  ): Promise<readonly Chosen[]> {
    if (rows.length === 0) return []
    const { device, vocabulary } = this.#options
    const { places, inputs, resultBytes } = this.#layOut(rows)
    this.#inputs.write(0, inputs)
    if (logits === this.#uploadedLogits) logits.of(4 * vocabulary * rows.length)
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

  /** The parameters of all rows, and then their masks. */
  #layOut(rows: readonly ChoiceRow[]) {
    const { vocabulary } = this.#options
    const maskWords = Math.ceil(vocabulary / 32)
    let end = parameterWords * rows.length
    let result = 0
    const places = rows.map(({ choice, logits, position, allowed }, row): RowPlaces => {
      const place = {
        logitsRow: 'row' in logits ? logits.row : row,
        token: 'row' in logits ? logits.row : row,
        position,
        result,
        mask: allowed && end,
        vocabulary,
      }
      if (allowed) end += maskWords
      result += resultWords + 2 * Math.min(own(choice).sampling.logprobs ?? 0, vocabulary)
      return place
    })
    const inputs = new Uint32Array(end)
    for (const [index, { choice, allowed }] of rows.entries()) {
      const place = places[index]
      if (!place) continue
      this.#writeTable(own(choice))
      own(choice).writeParameters(index, inputs.buffer, place)
      if (allowed && place.mask !== undefined) inputs.set(allowed.subarray(0, maskWords), place.mask)
    }
    return { places, inputs, resultBytes: 4 * result }
  }

  /** Gives a sequence its table before its first token. */
  #writeTable(choice: GpuChoice): void {
    if (!choice.needsTable || choice.table) return
    const { vocabulary } = this.#options
    const index = this.#freeTables.pop() ?? this.#usedTables++
    choice.table = { index, free: () => this.#freeTables.push(index) }
    this.#tables.write(8 * vocabulary * index, choice.tableWords(vocabulary))
  }
}

function own(choice: Choice): GpuChoice {
  if (choice instanceof GpuChoice) return choice
  throw new TypeError('The choice is of another chooser')
}

/** @param at The word of the row's result. */
function readResult(
  bytes: ArrayBuffer,
  at: number,
  { choice, allowed }: ChoiceRow,
  vocabulary: number,
): Chosen {
  const words = new Uint32Array(bytes, 4 * at)
  const floats = new Float32Array(bytes, 4 * at)
  const [token = 0, outcome = 0, , place = 0] = words
  if (outcome === status.nan) return invalidLogits(`NaN at index ${place}`)
  if (outcome === status.infinite) return invalidLogits(`infinity at index ${place}`)
  if (outcome === status.noneLeft && allowed) return noneAllowed()
  if (outcome !== status.chosen) return invalidLogits('no finite number')
  const { logprobs } = own(choice).sampling
  if (logprobs === undefined) return { token }
  const top = Array.from({ length: Math.min(logprobs, vocabulary) }, (_, rank): TokenLogprob => {
    const pair = resultWords + 2 * rank
    return { token: words[pair] ?? 0, logprob: floats[pair + 1] ?? 0 }
  })
  return { token, logprob: floats[2] ?? 0, top }
}
