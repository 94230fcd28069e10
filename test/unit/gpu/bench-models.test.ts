import { createHash } from 'node:crypto'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { elementCount } from '../../../models/core/tensor.ts'
import { openCheckpoint } from '../../../models/tools/import/import.ts'
import { readTokenizer } from '../../../workers/host/text/tokenizer/tokenizer.ts'
import { tiny } from '../../bench/gpu/models/sizes.ts'
import { tokenizerOf } from '../../bench/gpu/models/tokenizer.ts'
import { writeCheckpoint } from '../../bench/gpu/models/write-checkpoint.ts'
import { describeLibrary } from '../../bench/gpu/webllm/description.ts'
import { readLibrary } from '../../bench/gpu/webllm/library.ts'
import { writeWebLlmModel } from '../../bench/gpu/webllm/write-model.ts'
import { emptyFolder } from '../../support/test-models.ts'

describe('The checkpoint of random weights', () => {
  test('is one that the importer reads, with every weight in its file', async () => {
    const folder = await emptyFolder()
    writeCheckpoint(folder, tiny)
    const { checkpoint, stopTokens, tokenizer } = openCheckpoint(folder, undefined)
    const { layers, width, vocabulary, context } = tiny
    expect(checkpoint.shape).toMatchObject({ layers, width, vocabulary, context })
    expect(checkpoint.head).toBeUndefined()
    expect(stopTokens).toEqual([])
    expect(tokenizer.map(({ path }) => path)).toEqual(['tokenizer.json'])
    const norm = new Uint16Array(checkpoint.norm.bytes().slice().buffer)
    expect(new Set(norm)).toEqual(new Set([0x3c00]))
    const embedding = new Uint16Array(checkpoint.embedding.bytes().slice().buffer)
    expect(embedding.length).toBe(vocabulary * width)
    expect(new Set(embedding).size).toBeGreaterThan(1_000)
  })

  test('has a tokenizer that makes a token of each byte, and text of every token', () => {
    const json = new TextEncoder().encode(JSON.stringify(tokenizerOf(tiny.vocabulary)))
    const tokenizer = readTokenizer(new Map([['tokenizer.json', json]]), [])
    const text = 'two words, é'
    const tokens = tokenizer.encode(text, true)
    expect(tokens.length).toBe(Buffer.byteLength(text))
    expect(tokenizer.decode(tokens)).toBe(text)
    expect(tokenizer.textOf(tiny.vocabulary - 1)).toBe('~1ff~')
  })
})

/** A library's bytes, with a description as MLC writes it. */
function library(params: readonly (readonly [name: string, shape: readonly number[], dtype: string])[]) {
  const description = {
    model_type: 'qwen2',
    quantization: 'q4f16_1',
    context_window_size: 4_096,
    prefill_chunk_size: 1_024,
    max_batch_size: 80,
    params: params.map(([name, shape, dtype]) => ({ name, shape, dtype, preprocs: [] })),
    kv_cache: {
      num_hidden_layers: tiny.layers,
      num_attention_heads: tiny.heads,
      num_key_value_heads: tiny.kvHeads,
      head_dim: tiny.headSize,
    },
    memory_usage: { decode: 1 },
  }
  // As json.dumps writes it, between other sections of the module.
  const text = JSON.stringify(description).replaceAll('":', '": ')
  return Buffer.concat([Buffer.from([0, 0x61, 0x73, 0x6d, 0x7d]), Buffer.from(text), Buffer.from('P}\0')])
}

const embedding = ['model.embed_tokens.q_weight', [tiny.vocabulary, 8], 'uint32'] as const

describe("WebLLM's library", () => {
  test('is refused where the file is absent, or is another one', async () => {
    const path = join(await emptyFolder(), 'library.wasm')
    expect(() => readLibrary(path)).toThrow('cannot be read')
    writeFileSync(path, library([embedding]))
    expect(() => readLibrary(path)).toThrow('is no library of WebLLM that the bench knows')
  })
})

describe("WebLLM's weights", () => {
  test('are exactly the tensors that the library names, in shards whose records and checksums fit', async () => {
    const large = ['model.layers.0.mlp.down_proj.q_weight', [3_000, 3_000], 'uint32'] as const
    const bytes = library([
      embedding,
      ['model.embed_tokens.q_scale', [tiny.vocabulary, 2], 'float16'],
      large,
      ['model.norm.weight', [64], 'float16'],
      ['model.layers.0.self_attn.c_attn.bias', [96], 'float32'],
    ])
    const description = describeLibrary(bytes)
    const folder = await emptyFolder()
    writeWebLlmModel(folder, description, tiny)
    const read = (name: string) => readFileSync(join(folder, name))
    const { records: shards, metadata } = JSON.parse(read('tensor-cache.json').toString())
    interface Shard {
      readonly dataPath: string
      readonly nbytes: number
      readonly md5sum: string
      readonly records: readonly {
        readonly name: string
        readonly shape: readonly number[]
        readonly dtype: string
        readonly nbytes: number
        readonly byteOffset: number
      }[]
    }
    // The large one does not fit behind the first two.
    expect(shards.map(({ records }: Shard) => records.length)).toEqual([2, 1, 2])
    for (const { dataPath, nbytes, md5sum, records } of shards as Shard[]) {
      expect(statSync(join(folder, dataPath)).size).toBe(nbytes)
      expect(createHash('md5').update(read(dataPath)).digest('hex')).toBe(md5sum)
      let end = 0
      for (const { byteOffset, nbytes, shape, dtype } of records) {
        expect(byteOffset).toBe(end)
        expect(nbytes).toBe(elementCount(shape) * (dtype === 'float16' ? 2 : 4))
        end += nbytes
      }
      expect(end).toBe(nbytes)
    }
    const written = (shards as Shard[]).flatMap(({ records }) => records)
    expect(written.map(({ name, shape, dtype }) => ({ name, shape, dtype }))).toEqual(description.params)
    expect(metadata.ParamSize).toBe(5)
    expect(read('ndarray-cache.json')).toEqual(read('tensor-cache.json'))
    const last = (shards as Shard[]).at(-1)
    const norm = new Uint16Array(new Uint8Array(read(last?.dataPath ?? '').subarray(0, 128)).buffer)
    expect(new Set(norm)).toEqual(new Set([0x3c00]))
    expect(JSON.parse(read('mlc-chat-config.json').toString())).toMatchObject({
      vocab_size: tiny.vocabulary,
      model_config: { hidden_size: tiny.width, num_hidden_layers: tiny.layers, head_dim: tiny.headSize },
    })
  })

  test('are refused for a library of other sizes', async () => {
    const description = describeLibrary(library([['model.embed_tokens.q_weight', [100, 8], 'uint32']]))
    const folder = await emptyFolder()
    expect(() => writeWebLlmModel(folder, description, tiny)).toThrow('2,2,1,32,100, not 2,2,1,32,512')
  })

  test('are refused for a file that describes no model', () => {
    expect(() => describeLibrary(Buffer.from('WebAssembly'))).toThrow('does not describe its model')
    expect(() => describeLibrary(Buffer.from('{"model_type": "qwen2"'))).toThrow('has no end')
  })
})
