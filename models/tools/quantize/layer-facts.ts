import type { Model } from '../onnx/model.ts'
import { weightCount } from '../onnx/weight.ts'
import { canBeStatic } from '../passes/qdq.ts'
import { infer } from '../shape-inference/infer-shapes.ts'
import { sampleShapes } from '../shape-inference/input-shapes.ts'
import { product } from '../shape-inference/known.ts'
import type { LayerFacts } from './plan.ts'
import type { TargetBackend } from './target.ts'

/**
 * Products per sum from which an int8 convolution is no slower than a float one. Measured on UltraFace, whose
 * depthwise convolutions (9) are twice as slow in int8, and on Magika, whose only convolution (1,280) is twice as
 * fast. On WASM UltraFace's pointwise convolutions (128) lose more by rounding than they gain.
 */
const minProducts: Readonly<Record<TargetBackend, number>> = {
  webgpu: Number.POSITIVE_INFINITY,
  cpu: 64,
  wasm: 256,
}
/** Products of a whole convolution below which rounding costs more than it gains. */
const minWork = 1_000_000

/**
 * Rows from which an int8 product is no slower than a float one. Measured on WASM from 512 × 512 to 2048 × 2048: 0.4
 * times the speed for 1 row, 1.2 times for 4 rows, 2.5 times for 32 rows.
 */
const minRows: Readonly<Record<TargetBackend, number>> = {
  webgpu: Number.POSITIVE_INFINITY,
  cpu: 1,
  wasm: 4,
}

/** @param calibrated Whether there are samples to measure ranges on. */
export function layerFactsOf(model: Model, backend: TargetBackend, calibrated: boolean): LayerFacts {
  const values = infer(model, sampleShapes(model, new Map()))
  return {
    indexRank: ({ node }) => values.get(node.input[1] ?? '')?.shape?.length,
    worthDynamic: ({ node }) => {
      const shape = values.get(node.output[0] ?? '')?.shape
      // An unknown number of rows is mostly a sequence's.
      return shape === undefined || product(shape.slice(0, -1)) >= minRows[backend]
    },
    worthStatic: ({ node, weight }) => {
      const [channels = 1] = weight.dims
      const positions = product(values.get(node.output[0] ?? '')?.shape?.slice(2) ?? [])
      const long = weightCount(weight) / channels >= minProducts[backend]
      return calibrated && long && weightCount(weight) * positions >= minWork && canBeStatic(model, node)
    },
  }
}
