import { SpillwayError } from '../../core/error.ts'
import { elementCount } from '../../core/tensor.ts'
import type { Runnable, Runtime, Tensors, ToolBackend } from '../run-model/runtime.ts'
import { createDifference, type Difference } from './difference.ts'
import { timeInTurns } from './time-runs.ts'

export interface Comparison {
  readonly samples: number
  /** Differences of the outputs, measured on the first backend. */
  readonly outputs: readonly Difference[]
  /** Names of outputs that are not compared: maps and sequences, and tensors that were empty for all samples. */
  readonly leftOut: readonly string[]
  /** Median milliseconds of a run, by backend. */
  readonly times: readonly { readonly backend: ToolBackend; readonly a: number; readonly b: number }[]
}

export interface CompareOptions {
  readonly backends: readonly ToolBackend[]
  readonly threads: number
  readonly onProgress?: (done: number, total: number) => void
}

/** Runs two models on the same samples and compares outputs and times. */
export async function compareModels(
  runtime: Runtime,
  a: string,
  b: string,
  samples: readonly Tensors[],
  { backends, threads, onProgress = () => {} }: CompareOptions,
): Promise<Comparison> {
  let outputs: readonly Difference[] = []
  let leftOut: readonly string[] = []
  const times: { backend: ToolBackend; a: number; b: number }[] = []
  for (const [index, backend] of backends.entries()) {
    const loaded: Runnable[] = []
    const load = async (path: string) => {
      const runnable = await runtime.load(path, { backend, threads })
      loaded.push(runnable)
      return runnable
    }
    try {
      const pair = [await load(a), await load(b)] as const
      checkNames(pair)
      if (index === 0) {
        outputs = await differences(pair, samples, onProgress)
        leftOut = pair[0].outputNames.filter((name) => !outputs.some(({ output }) => output === name))
      }
      const [first = 0, second = 0] = await timeInTurns(pair, samples)
      times.push({ backend, a: first, b: second })
    } finally {
      for (const runnable of loaded) await runnable.release()
    }
  }
  return { samples: samples.length, outputs, leftOut, times }
}

async function differences(
  [a, b]: readonly [Runnable, Runnable],
  samples: readonly Tensors[],
  onProgress: (done: number, total: number) => void,
): Promise<readonly Difference[]> {
  const all = a.outputNames.map(createDifference)
  const compared = new Set<string>()
  for (const [done, sample] of samples.entries()) {
    const [one, other] = [await a.run(sample), await b.run(sample)]
    for (const [index, name] of a.outputNames.entries()) {
      const [left, right] = [one[name], other[name]]
      if (!left || !right) continue
      all[index]?.add(left, right)
      if (elementCount(left.shape) > 0) compared.add(name)
    }
    onProgress(done + 1, samples.length)
  }
  return all.map((difference) => difference.result()).filter(({ output }) => compared.has(output))
}

function checkNames([a, b]: readonly [Runnable, Runnable]): void {
  const show = ({ inputNames, outputNames }: Runnable) =>
    `${inputNames.join(', ')} → ${outputNames.join(', ')}`
  if (show(a) === show(b)) return
  throw new SpillwayError('not_supported', 'The two models differ in their inputs or outputs', {
    expected: show(a),
    got: show(b),
  })
}

/** How far two models may differ. */
export interface Limits {
  /** The largest absolute error of an output. */
  readonly maxError?: number
  /** The least share of rows, from 0 to 1, whose largest element is at the same place. */
  readonly minAgreement?: number
}

/** @throws SpillwayError `run_failed`, naming the first output that is past a limit. */
export function checkLimits({ outputs }: Comparison, { maxError, minAgreement }: Limits): void {
  for (const { output, largest, top } of outputs) {
    if (maxError !== undefined && !(largest <= maxError)) {
      throw new SpillwayError('run_failed', `The models differ too much on "${output}"`, {
        expected: `an error of at most ${maxError}`,
        got: `${largest}`,
      })
    }
    const share = top === null ? 1 : top.same / top.of
    if (minAgreement !== undefined && share < minAgreement) {
      throw new SpillwayError('run_failed', `The models agree too rarely on "${output}"`, {
        expected: `the same top answer for a share of at least ${minAgreement}`,
        got: share.toFixed(4),
      })
    }
  }
}
