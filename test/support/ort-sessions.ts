/** What tests of `spillway/ort` share. They run in a page. */
import { expect, onTestFinished } from 'vitest'
import { commands } from 'vitest/browser'
import type { SpillwayError } from '../../models/core/index.ts'
import * as ort from '../../web/adapters/ort/index.ts'
import type { GraphName } from './graph-bytes.ts'

/** ONNX Runtime as `spillway/ort` and onnxruntime-web give it. */
export type Ort = Pick<typeof ort, 'InferenceSession' | 'Tensor'>

export const digits = '/models/catalogue/digits/fp32/model.onnx'

/** Opens a session that the end of the test releases. */
export async function open(
  { InferenceSession }: Ort,
  model: string | Uint8Array,
  options: ort.InferenceSession.SessionOptions = {},
) {
  const session = await (typeof model === 'string'
    ? InferenceSession.create(model, options)
    : InferenceSession.create(model, options))
  onTestFinished(() => session.release())
  return session
}

/** Keeps two lanes for a file's tests, which saves their starts: a lane without sessions ends. */
export async function keepLanes(): Promise<void> {
  await ort.InferenceSession.create(digits)
  await ort.InferenceSession.create(digits)
}

/** A graph of test/support, or a file of the published models. */
export async function graph(name: GraphName | `${string}.onnx`): Promise<Uint8Array | undefined> {
  const text = await commands.graphBytes(name)
  return text === undefined ? undefined : Uint8Array.from(atob(text), (character) => character.charCodeAt(0))
}

export async function madeGraph(name: GraphName): Promise<Uint8Array> {
  return (await graph(name)) ?? expect.fail(`There is no graph ${name}`)
}

export const failure = (work: Promise<unknown>): Promise<SpillwayError> =>
  work.then(
    () => expect.fail('it succeeded'),
    (cause) => cause,
  )

export const blank = () => ({ image: new ort.Tensor('float32', new Float32Array(784), [1, 1, 28, 28]) })
export const matrix = () => ({
  x0: new ort.Tensor('float32', new Float32Array(512 * 512).fill(1 / 512), [512, 512]),
})
export const row = (...values: number[]) => new ort.Tensor('float32', values, [1, values.length])
