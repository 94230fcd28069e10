import { execFileSync, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { create } from '@bufbuild/protobuf'
import { systemClock } from '../../models/async/clock.ts'
import { DataType } from '../../models/tools/onnx/data-type.ts'
import { TensorProtoSchema } from '../../models/tools/onnx/generated/onnx_pb.ts'
import type { Lane } from '../../workers/host/lane-client/lane.ts'
import { encode, modelProto, value } from '../tools/support/build.ts'
import { processLane } from './process-lane.ts'

const canLimit = process.platform === 'linux' && spawnSync('prlimit', ['--version']).status === 0

/** Why tests with limited memory are skipped; undefined where they can run. */
export const withoutLimit = canLimit ? undefined : "they need Linux's prlimit"

const mebibyte = 2 ** 20
/** What a row takes while `wideModel` runs. */
export const bytesPerRow = 64 * mebibyte
const spare = 320 * mebibyte

/** Rows of `wideModel` for which a lane with limited memory has too little. */
export const tooManyRows = spare / bytesPerRow + 1

/** y = x, by way of a tensor that takes `bytesPerRow` bytes a row; both [batch, 1]. */
export function wideModel(): Uint8Array<ArrayBuffer> {
  const shape = create(TensorProtoSchema, {
    name: 'shape',
    dims: [2n],
    dataType: DataType.INT64,
    int64Data: [1n, BigInt(bytesPerRow / 4)],
  })
  const model = modelProto({
    nodes: [
      { op: 'Expand', inputs: ['x', 'shape'], outputs: ['wide'] },
      { op: 'ReduceMax', inputs: ['wide'], outputs: ['y'], attributes: { axes: [1] } },
    ],
    inputs: [value('x', ['batch', 1])],
    outputs: [value('y', ['batch', 1])],
    tensors: [shape],
    opset: 13,
  })
  return Uint8Array.from(encode(model))
}

export const wideTensors = {
  inputs: [{ name: 'x', type: 'float32' as const, shape: [-1, 1] }],
  outputs: [{ name: 'y', type: 'float32' as const, shape: [-1, 1] }],
}

/**
 * A lane whose process can allocate no more than `spare` bytes from its first run on. Node's own
 * `--max-old-space-size` would limit only JavaScript's heap.
 *
 * @param onRun Called with the rows of each run of `wideModel`.
 */
export function littleLane(onRun: (rows: number) => void): Lane {
  const lane = processLane(systemClock)
  let isLimited = false
  return {
    ...lane,
    run: (batch) => {
      if (!isLimited) limit(lane.pid ?? 0)
      isLimited = true
      if (batch.inputs.x) onRun(batch.inputs.x.shape[0] ?? 0)
      return lane.run(batch)
    },
  }
}

function limit(pid: number): void {
  const [, kibibytes] = /VmSize:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  execFileSync('prlimit', ['--pid', `${pid}`, `--as=${Number(kibibytes) * 1_024 + spare}`])
}
