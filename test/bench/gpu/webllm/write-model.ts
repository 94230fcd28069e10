import { createHash } from 'node:crypto'
import { closeSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { elementCount } from '../../../../models/core/tensor.ts'
import { type RandomWeights, randomWeights } from '../models/random-weights.ts'
import type { Sizes } from '../models/sizes.ts'
import { tokenizerOf } from '../models/tokenizer.ts'
import type { LibraryDescription } from './description.ts'

type Param = LibraryDescription['params'][number]

/** A tensor in a shard, with the names of MLC's `tensor-cache.json`. */
interface TensorRecord {
  readonly name: string
  readonly shape: readonly number[]
  readonly dtype: Param['dtype']
  readonly format: 'raw'
  readonly nbytes: number
  readonly byteOffset: number
}

interface ShardRecord {
  readonly dataPath: string
  readonly format: 'raw-shard'
  readonly nbytes: number
  readonly md5sum: string
  readonly records: readonly TensorRecord[]
}

/** A shard with more bytes holds a single tensor. */
const shardBytes = 32 * 2 ** 20

const bytesOf = ({ shape, dtype }: Param) => elementCount(shape) * (dtype === 'float16' ? 2 : 4)

/**
 * Writes random weights for exactly the tensors that a library names, as WebLLM loads them.
 *
 * @throws Error where the library was compiled for other sizes.
 */
export function writeWebLlmModel(folder: string, library: LibraryDescription, sizes: Sizes): void {
  checkSizes(library, sizes)
  mkdirSync(folder, { recursive: true })
  const json = (name: string, value: object) => writeFileSync(join(folder, name), JSON.stringify(value))
  const random = randomWeights(11)
  const shards = inShards(library.params).map((params, index) =>
    writeShard(folder, `params_shard_${index}.bin`, params, random),
  )
  const bytes = shards.reduce((sum, { nbytes }) => sum + nbytes, 0)
  const index = { metadata: { ParamSize: library.params.length, ParamBytes: bytes }, records: shards }
  // Versions of WebLLM differ in the name that they ask for.
  for (const name of ['tensor-cache.json', 'ndarray-cache.json']) json(name, index)
  json('tokenizer.json', tokenizerOf(sizes.vocabulary))
  // Last: a folder with it is complete.
  json('mlc-chat-config.json', chatConfig(library, sizes))
}

function checkSizes({ kv_cache, params }: LibraryDescription, sizes: Sizes): void {
  const [vocabulary] = params.find(({ name }) => name === 'model.embed_tokens.q_weight')?.shape ?? []
  const got = [
    kv_cache.num_hidden_layers,
    kv_cache.num_attention_heads,
    kv_cache.num_key_value_heads,
    kv_cache.head_dim,
    vocabulary,
  ]
  const expected = [sizes.layers, sizes.heads, sizes.kvHeads, sizes.headSize, sizes.vocabulary]
  if (got.join() !== expected.join())
    throw new Error(
      `The library is for layers, heads, heads of keys, their size and tokens of ${got}, not ${expected}`,
    )
}

function inShards(params: readonly Param[]): Param[][] {
  const shards: Param[][] = []
  let left = 0
  for (const param of params) {
    const bytes = bytesOf(param)
    const last = shards.at(-1)
    if (last && bytes <= left) last.push(param)
    else {
      shards.push([param])
      left = shardBytes
    }
    left -= bytes
  }
  return shards
}

function writeShard(
  folder: string,
  dataPath: string,
  params: readonly Param[],
  random: RandomWeights,
): ShardRecord {
  const digest = createHash('md5')
  const records: TensorRecord[] = []
  let offset = 0
  const file = openSync(join(folder, dataPath), 'w')
  try {
    for (const param of params) {
      const { name, shape, dtype } = param
      records.push({ name, shape, dtype, format: 'raw', nbytes: bytesOf(param), byteOffset: offset })
      offset += bytesOf(param)
      for (const bytes of elementsOf(param, random)) {
        writeSync(file, bytes)
        digest.update(bytes)
      }
    }
  } finally {
    closeSync(file)
  }
  return { dataPath, format: 'raw-shard', nbytes: offset, md5sum: digest.digest('hex'), records }
}

function elementsOf({ name, shape, dtype }: Param, random: RandomWeights): Iterable<Uint8Array> {
  const count = elementCount(shape)
  if (dtype === 'uint32') return random.bits(count)
  // Four bits around their middle times this have about the deviation of the other formats' weights.
  if (name.endsWith('q_scale')) return random.constant(dtype, count, 0.006)
  if (name.includes('norm')) return random.constant(dtype, count, 1)
  return random.normal(dtype, count, 0.1)
}

/** `mlc-chat-config.json`: the model's sizes, and greedy texts without a template or an end of their own. */
function chatConfig(library: LibraryDescription, sizes: Sizes): object {
  const { context_window_size, prefill_chunk_size } = library
  const windows = {
    vocab_size: sizes.vocabulary,
    context_window_size,
    prefill_chunk_size,
    tensor_parallel_shards: 1,
  }
  return {
    version: '0.1.0',
    model_type: library.model_type,
    quantization: library.quantization,
    model_config: {
      hidden_act: 'silu',
      hidden_size: sizes.width,
      intermediate_size: sizes.hidden,
      ...library.kv_cache,
      rms_norm_eps: 1e-6,
      rope_theta: 1e6,
      tie_word_embeddings: true,
      max_batch_size: library.max_batch_size,
      ...windows,
    },
    ...windows,
    sliding_window_size: -1,
    attention_sink_size: -1,
    temperature: 0,
    top_p: 1,
    presence_penalty: 0,
    frequency_penalty: 0,
    repetition_penalty: 1,
    mean_gen_len: 128,
    max_gen_len: 512,
    shift_fill_factor: 0.3,
    tokenizer_files: ['tokenizer.json'],
    tokenizer_info: {
      token_postproc_method: 'byte_level',
      prepend_space_in_encode: false,
      strip_space_in_decode: false,
    },
    conv_template: {
      name: 'plain',
      system_template: '{system_message}',
      system_message: '',
      roles: { user: '', assistant: '' },
      role_templates: { user: '{user_message}', assistant: '{assistant_message}', tool: '{tool_message}' },
      messages: [],
      seps: [''],
      role_content_sep: '',
      role_empty_sep: '',
      stop_str: [],
      stop_token_ids: [],
      function_string: '',
      use_function_calling: false,
    },
    pad_token_id: 0,
    bos_token_id: 0,
    eos_token_id: [sizes.vocabulary - 1],
  }
}
