import { AutoModel, PretrainedConfig, Tensor } from '@huggingface/transformers'
import type { Text } from './encoder.ts'
import { base } from './time.ts'
import { configureTransformers } from './transformers.ts'

export type Encode = (text: Text, shape?: readonly number[]) => Promise<Float32Array>

/** The encoder as transformers.js loads it from a hub, with the configuration that the hub would give. */
export async function openEncoder(file: string): Promise<Encode> {
  configureTransformers(base, 'models/{model}/')
  const config = new PretrainedConfig({ model_type: 'bert', architectures: ['BertModel'] })
  const name = file.replace(/\.onnx$/, '')
  const options = { config, subfolder: '', model_file_name: name, device: 'wasm', dtype: 'fp32' } as const
  const model = await AutoModel.from_pretrained('encoder', options)
  return async ({ ids, mask }, shape = [1, ids.length]) => {
    const dims = [...shape]
    const { last_hidden_state } = await model({
      input_ids: new Tensor('int64', ids, dims),
      attention_mask: new Tensor('int64', mask, dims),
    })
    return last_hidden_state.data
  }
}
