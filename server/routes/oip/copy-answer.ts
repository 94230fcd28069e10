import { dataBytes, isStrings, type NumericData, type Tensor } from '../../../models/core/index.ts'
import type { RequestWait } from '../../inference/request-wait.ts'
import { jobOf } from '../../offload/job-of.ts'
import type { Job } from '../../offload/offload.ts'
import type { InferAnswer } from './write-infer-response.ts'

/** The answer in buffers of its own, which can move to the offload thread: a batch's outputs share theirs. */
export function copyAnswer(
  wait: RequestWait,
  { model: { id, version }, id: requestId, requested, answer }: InferAnswer,
): readonly [InferAnswer, Job] {
  const outputs: Record<string, Tensor> = {}
  const arrays: NumericData[] = []
  let stringBytes = 0
  for (const { name } of requested) {
    const tensor = answer.outputs[name]
    if (!tensor) continue
    const data = tensor.data.slice()
    outputs[name] = { ...tensor, data }
    if (isStrings(data)) stringBytes += dataBytes(data)
    else arrays.push(data)
  }
  const { executedOn, queueMs, computeMs } = answer
  const copy: InferAnswer = {
    model: { id, version },
    id: requestId,
    requested,
    answer: { outputs, executedOn, queueMs, computeMs },
  }
  return [copy, jobOf(wait, arrays, stringBytes)]
}
