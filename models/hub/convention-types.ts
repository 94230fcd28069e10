import type { Manifest, Task } from '../core/manifest.ts'
import type { ModelConfig } from './config.ts'

/** The inputs and outputs of a graph. */
export type Signature = Pick<Manifest, 'inputs' | 'outputs' | 'batchAxis'>

/** A model's task, and its inputs and outputs as the hub's converters name them. */
export interface Convention {
  readonly task: Task
  readonly signature: Signature
}

export const labelsOf = ({ id2label }: ModelConfig): string[] | undefined => {
  const labels = Object.entries(id2label ?? {})
    .map(([index, label]) => [Number(index), label] as const)
    .sort(([one], [other]) => one - other)
  return labels.length > 0 && labels.every(([index], at) => index === at)
    ? labels.map(([, label]) => label)
    : undefined
}

export const labelCount = (model: ModelConfig): number => labelsOf(model)?.length ?? -1
