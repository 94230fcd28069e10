import { messageOf } from '../../../models/core/index.ts'
import type { OrtTensor } from '../runtime/ort.ts'

const name = 'spillway.refused'

/**
 * A `ModelProto` of nothing but `spillway.refused = SequenceEmpty()`, an output. It is built in
 * `test/unit/refused-output.test.ts`.
 */
export const refusedGraph = new Uint8Array(
  Buffer.from(
    'OlUKNRIQc3BpbGx3YXkucmVmdXNlZBoQc3BpbGx3YXkucmVmdXNlZCINU2VxdWVuY2VFbXB0eToAYhwKEHNwaWxsd2F5LnJlZnVzZWQSCCIGCgQKAggB',
    'base64',
  ),
)

/**
 * The graph with one more output before its own: a sequence, which onnxruntime-node refuses to return. A run that is asked
 * for it writes all outputs, and then fails. onnxruntime-node otherwise returns a copy of each output, also of those that
 * it wrote in place: of all keys and values at every step.
 *
 * @param graph A `ModelProto`. Protobuf merges what is written twice, so nothing of it is read or changed.
 */
export function withRefusedOutput(graph: Uint8Array): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(refusedGraph.length + graph.length)
  whole.set(refusedGraph)
  whole.set(graph, refusedGraph.length)
  return whole
}

export const hasRefusedOutput = (outputNames: readonly string[]): boolean => outputNames[0] === name

/** The fetches with the output that is refused. */
export const withRefusal = (fetches: Readonly<Record<string, OrtTensor | null>>) => ({
  ...fetches,
  [name]: null,
})

/** Whether a run failed only because of the output that is refused: the others are written. */
export const isRefusal = (cause: unknown): boolean =>
  messageOf(cause) === 'Non tensor type is temporarily not supported.'
