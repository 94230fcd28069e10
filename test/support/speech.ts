import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Manifest } from '../../models/index.ts'
import { testModels } from './test-models.ts'

/** Samples of one frame, and of the one before that go in front of it. */
const frameLength = 512
const contextLength = 64

export const vadFile = () => join(testModels ?? '', 'silero-vad', 'silero_vad_16k_op15.onnx')

/** Silero's voice detector: a recurrent model whose state holds its rows along the second axis. */
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

/** Frames as the model takes them, from a sample on. */
export function framesOf(samples: Float32Array, from: number, count: number): Float32Array[] {
  return Array.from({ length: count }, (_, index) => {
    const frame = new Float32Array(contextLength + frameLength)
    const at = from + index * frameLength
    // What comes before the first frame is silence.
    const context = index === 0 ? new Float32Array(contextLength) : samples.subarray(at - contextLength, at)
    frame.set(context)
    frame.set(samples.subarray(at, at + frameLength), contextLength)
    return frame
  })
}
