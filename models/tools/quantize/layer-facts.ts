import { infer } from '../infer/infer.ts'
import { sampleShapes } from '../infer/input-shapes.ts'
import { product } from '../infer/known.ts'
import type { Model } from '../onnx/model.ts'
import { weightCount } from '../onnx/weight.ts'
import { canBeStatic } from '../passes/qdq.ts'
import type { LayerFacts } from './plan.ts'
import type { TargetBackend } from './target.ts'

/**
 * Products in one sum from which a convolution of bytes is no slower than one of floats: measured on UltraFace,
 * whose depthwise convolutions (9) are twice as slow in bytes, and Magika, whose only one (1,280) is twice as fast. On
 * WASM UltraFace's pointwise ones (128) lose by rounding what stands between them more than they gain.
 */
const minProducts: Readonly<Record<TargetBackend, number>> = {
  webgpu: Number.POSITIVE_INFINITY,
  cpu: 64,
  wasm: 256,
}
/** Products in all below which rounding costs more than the convolution. */
const minWork = 1_000_000

/**
 * Rows of a product from which it is no slower of bytes. Measured on WASM from 512 × 512 to 2048 × 2048: of one row
 * 0.4 times as fast as of floats, of four 1.2 times, of 32 2.5 times.
 */
const minRows: Readonly<Record<TargetBackend, number>> = {
  webgpu: Number.POSITIVE_INFINITY,
  cpu: 1,
  wasm: 4,
}

/** @param calibrated whether there are samples to find ranges with. */
export function layerFactsOf(model: Model, backend: TargetBackend, calibrated: boolean): LayerFacts {
  const values = infer(model, sampleShapes(model, new Map()))
  return {
    indexRank: ({ node }) => values.get(node.input[1] ?? '')?.shape?.length,
    worthDynamic: ({ node }) => {
      const shape = values.get(node.output[0] ?? '')?.shape
      // Rows that nothing tells of are a sequence's, most often.
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
