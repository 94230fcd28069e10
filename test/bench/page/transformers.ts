import { AutoModelForCausalLM, env, PretrainedConfig, Tensor } from '@huggingface/transformers'
import mjs from 'transformers-runtime/ort-wasm-simd-threaded.asyncify.mjs?url'
import wasm from 'transformers-runtime/ort-wasm-simd-threaded.asyncify.wasm?url'
import type { Manifest } from '../../../models/core/index.ts'

const base = new URL('/', location.href)

/** Sets the host from which transformers.js fetches models, and its runtime. */
export function configureTransformers(host: URL, template: string, threads = 1): void {
  env.remoteHost = host.href
  env.remotePathTemplate = template
  env.useBrowserCache = false
  if (env.backends.onnx.wasm) {
    env.backends.onnx.wasm.wasmPaths = {
      mjs: new URL(mjs, import.meta.url).href,
      wasm: new URL(wasm, import.meta.url).href,
    }
    env.backends.onnx.wasm.numThreads = threads
  }
}

/** A language model as transformers.js loads it from a hub, with the configuration that the hub would give. */
export async function openTransformers(
  { id, generation, variants: [variant] }: Manifest,
  device: 'wasm' | 'webgpu' = 'wasm',
) {
  if (!generation) throw new Error(`${id} is no language model`)
  configureTransformers(base, 'models/{model}/')
  const { layers, heads, headDim } = generation.kv
  const config = new PretrainedConfig({
    model_type: 'llama',
    architectures: ['LlamaForCausalLM'],
    num_hidden_layers: layers,
    num_attention_heads: heads,
    num_key_value_heads: heads,
    hidden_size: heads * headDim,
    head_dim: headDim,
    vocab_size: generation.vocabulary,
    'transformers.js_config': { kv_cache_dtype: variant?.kvType ?? 'float32' },
  })
  const options = {
    config,
    subfolder: '',
    model_file_name: variant?.files[0]?.path.replace(/\.onnx$/, '') ?? '',
    device,
    dtype: 'fp32',
  } as const
  const model = await AutoModelForCausalLM.from_pretrained(id, options)
  return {
    /** Generates exactly `count` tokens greedily. */
    generate: async (prompt: readonly number[], count: number) => {
      const start = performance.now()
      let firstMs = 0
      let calls = 0
      const streamer = {
        // The first call has the prompt.
        put: () => {
          if (++calls === 2) firstMs = performance.now() - start
        },
        end: () => {},
      }
      const shape = [1, prompt.length]
      const output = await model.generate({
        inputs: new Tensor('int64', BigInt64Array.from(prompt, BigInt), shape),
        attention_mask: new Tensor('int64', new BigInt64Array(prompt.length).fill(1n), shape),
        max_new_tokens: count,
        do_sample: false,
        streamer,
      } as never)
      const { data } = output as Tensor
      const tokens = Array.from(data as BigInt64Array, Number).slice(prompt.length)
      return { ms: performance.now() - start, firstMs, tokens }
    },
    close: () => model.dispose(),
  }
}
