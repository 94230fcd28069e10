import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { InferenceSessionFactory, Tensor as OnnxTensor, TensorConstructor } from 'onnxruntime-common'
import type { Manifest } from '../../models/core/index.ts'
import { testModels } from './test-models.ts'

/** Samples of one frame, and of the previous one that are put in front of it. */
const frameLength = 512
const contextLength = 64

export const vadFile = () => join(testModels ?? '', 'silero-vad', 'silero_vad_16k_op15.onnx')

/** Silero's voice detector: a recurrent model with the rows of its state along the second axis. */
export const vadManifest: Omit<Manifest, 'schema' | 'version' | 'description' | 'license' | 'variants'> = {
  id: 'silero-vad',
  title: 'Voice detector',
  task: 'tensor',
  inputs: [
    { name: 'input', type: 'float32', shape: [-1, contextLength + frameLength] },
    { name: 'state', type: 'float32', shape: [2, -1, 128], batchAxis: 1 },
    { name: 'sr', type: 'int64', shape: [], batchAxis: null, default: 16_000 },
  ],
  outputs: [
    { name: 'output', type: 'float32', shape: [-1, 1] },
    { name: 'stateN', type: 'float32', shape: [2, -1, 128], batchAxis: 1 },
  ],
  state: [{ input: 'state', output: 'stateN' }],
  batchAxis: 0,
  tolerance: 1e-4,
}

/** The published recording, a minute of speech with pauses: 16 kHz, one channel, 16 bits. */
export function readSpeech(): Float32Array {
  const wav = readFileSync(join(testModels ?? '', 'silero-vad', 'test.wav'))
  const start = wav.indexOf('data') + 8
  const samples = new Float32Array((wav.length - start) >> 1)
  for (let index = 0; index < samples.length; index++)
    samples[index] = wav.readInt16LE(start + index * 2) / 32_768
  return samples
}

/** Frames as the model takes them, starting at a sample. */
export function framesOf(samples: Float32Array, from: number, count: number): Float32Array[] {
  return Array.from({ length: count }, (_, index) => {
    const frame = new Float32Array(contextLength + frameLength)
    const at = from + index * frameLength
    // Silence precedes the first frame.
    const context = index === 0 ? new Float32Array(contextLength) : samples.subarray(at - contextLength, at)
    frame.set(context)
    frame.set(samples.subarray(at, at + frameLength), contextLength)
    return frame
  })
}

/** Probabilities of speech, frame by frame, computed with ONNX Runtime alone. */
export async function detectPlainly(
  { InferenceSession, Tensor }: { InferenceSession: InferenceSessionFactory; Tensor: TensorConstructor },
  frames: readonly Float32Array[],
): Promise<number[]> {
  const session = await InferenceSession.create(new Uint8Array(readFileSync(vadFile())))
  const sr = new Tensor('int64', BigInt64Array.of(16_000n), [])
  let state: OnnxTensor = new Tensor('float32', new Float32Array(256), [2, 1, 128])
  const probabilities: number[] = []
  for (const frame of frames) {
    const input = new Tensor('float32', frame, [1, frame.length])
    const { output, stateN } = await session.run({ input, state, sr })
    if (!output || !stateN) throw new Error('an output is missing')
    probabilities.push(Number(output.data[0]))
    state = stateN
  }
  return probabilities
}

export const largestDifference = (some: readonly number[], others: readonly number[]) =>
  Math.max(...some.map((value, index) => Math.abs(value - (others[index] ?? Number.NaN))))

/** Eight independent sequences from different parts of the recording. */
export function eightSequences(count: number): Float32Array[][] {
  const samples = readSpeech()
  return Array.from({ length: 8 }, (_, index) => framesOf(samples, index * 110_000, count))
}
