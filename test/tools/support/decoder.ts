import { declaredOf } from '../../../models/tools/graph/values.ts'
import { DataType } from '../../../models/tools/onnx/data-type.ts'
import type { Model } from '../../../models/tools/onnx/model.ts'
import type { Tensors } from '../../../models/tools/run-model/runtime.ts'

/** A decoder's inputs for one sequence from its beginning. */
export function decoderFeeds(model: Model, tokens: readonly number[]): Tensors {
  const pasts = model.inputs.filter(({ name }) => name.startsWith('past_key_values.'))
  const length = tokens.length
  return {
    input_ids: { type: 'int64', data: BigInt64Array.from(tokens, BigInt), shape: [1, length] },
    attention_mask: { type: 'int64', data: new BigInt64Array(length).fill(1n), shape: [1, length] },
    ...Object.fromEntries(
      pasts.map((past) => {
        const { type, shape = [] } = declaredOf(past)
        const sizes = [1, Number(shape[1]), 0, Number(shape[3])]
        return [
          past.name,
          type === DataType.FLOAT16
            ? { type: 'float16' as const, data: new Uint16Array(0), shape: sizes }
            : { type: 'float32' as const, data: new Float32Array(0), shape: sizes },
        ]
      }),
    ),
  }
}
