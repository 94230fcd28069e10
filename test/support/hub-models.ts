import { readFileSync } from 'node:fs'
import { create } from '@bufbuild/protobuf'
import { DataType } from '../../models/tools/onnx/data-type.ts'
import { externalWeights, layOutExternalData } from '../../models/tools/onnx/external.ts'
import { TensorProtoSchema } from '../../models/tools/onnx/generated/onnx_pb.ts'
import { parseModel } from '../../models/tools/onnx/read.ts'
import { modelChunks } from '../../models/tools/onnx/write.ts'
import { encode, modelProto, value } from '../tools/support/build.ts'
import { randomTensor } from '../tools/support/network.ts'
import type { TestRepository } from './hub.ts'

const int64 = (name: string, values: readonly number[]) =>
  create(TensorProtoSchema, {
    name,
    dataType: DataType.INT64,
    dims: [BigInt(values.length)],
    int64Data: values.map(BigInt),
  })

export const embedderSize = { vocabulary: 64, hidden: 32 }

/** A graph with a BERT's inputs and outputs that is so simple that tests can compute its outputs. */
export function embedderGraph(vocabulary = embedderSize.vocabulary): Uint8Array {
  const { hidden } = embedderSize
  return encode(
    modelProto({
      nodes: [
        { op: 'Gather', inputs: ['table', 'input_ids'], outputs: ['words'] },
        { op: 'Gather', inputs: ['types', 'token_type_ids'], outputs: ['sentences'] },
        { op: 'Add', inputs: ['words', 'sentences'], outputs: ['embedded'] },
        { op: 'Cast', inputs: ['attention_mask'], outputs: ['mask'], attributes: { to: DataType.FLOAT } },
        { op: 'Unsqueeze', inputs: ['mask', 'last'], outputs: ['column'] },
        { op: 'Mul', inputs: ['embedded', 'column'], outputs: ['last_hidden_state'] },
      ],
      inputs: ['input_ids', 'attention_mask', 'token_type_ids'].map((name) =>
        value(name, ['batch_size', 'sequence_length'], DataType.INT64),
      ),
      outputs: [value('last_hidden_state', ['batch_size', 'sequence_length', hidden])],
      tensors: [
        randomTensor('table', [vocabulary, hidden], 1, 1),
        randomTensor('types', [2, hidden], 1, 2),
        int64('last', [-1]),
      ],
    }),
  )
}

/** The output of `embedderGraph` for a token of a sentence. */
export function embedderRow(token: number, sentence: number): number[] {
  const { weights } = parseModel(embedderGraph())
  const row = (name: string, index: number) => {
    const bytes = weights.get(name)?.bytes().slice() ?? new Uint8Array()
    const { hidden } = embedderSize
    return [...new Float32Array(bytes.buffer).subarray(index * hidden, (index + 1) * hidden)]
  }
  const types = row('types', sentence)
  return row('table', token).map((value, at) => Math.fround(value + (types[at] ?? 0)))
}

/** The same model in two files, as the hub stores models that are too large for one. */
export function withExternalData(graph: Uint8Array, name: string): { graph: Uint8Array; data: Uint8Array } {
  const model = parseModel(graph)
  const placed = layOutExternalData(model, name)
  const parts = externalWeights(model, placed)
  const end = Math.max(...parts.map(([, { offset, length }]) => offset + length))
  const data = new Uint8Array(end)
  for (const [weight, { offset }] of parts) data.set(weight.bytes(), offset)
  return { graph: Buffer.concat([...modelChunks(model, placed)]), data }
}

/**
 * A one-layer decoder with the hub's tensor names. It appends to its cache; the logits after a token are its row of the
 * table.
 */
export function decoderGraph(vocabulary = 48, table = randomTensor('table', [vocabulary, vocabulary], 1, 1)) {
  const cache = (name: string, length: string) => value(name, ['batch_size', 2, length, 4])
  return encode(
    modelProto({
      nodes: [
        { op: 'Gather', inputs: ['table', 'input_ids'], outputs: ['logits'] },
        ...['key', 'value'].flatMap((side) => [
          { op: 'Gather', inputs: ['keys', 'input_ids'], outputs: [`flat.${side}`] },
          { op: 'Reshape', inputs: [`flat.${side}`, 'heads'], outputs: [`split.${side}`] },
          {
            op: 'Transpose',
            inputs: [`split.${side}`],
            outputs: [`new.${side}`],
            attributes: { perm: [0, 2, 1, 3] },
          },
          {
            op: 'Concat',
            inputs: [`past_key_values.0.${side}`, `new.${side}`],
            outputs: [`present.0.${side}`],
            attributes: { axis: 2 },
          },
        ]),
      ],
      inputs: [
        value('input_ids', ['batch_size', 'sequence_length'], DataType.INT64),
        value('attention_mask', ['batch_size', 'total_sequence_length'], DataType.INT64),
        ...['key', 'value'].map((side) => cache(`past_key_values.0.${side}`, 'past_sequence_length')),
      ],
      outputs: [
        value('logits', ['batch_size', 'sequence_length', vocabulary]),
        ...['key', 'value'].map((side) => cache(`present.0.${side}`, 'total_sequence_length')),
      ],
      tensors: [table, randomTensor('keys', [vocabulary, 8], 1, 2), int64('heads', [0, 0, 2, 4])],
    }),
  )
}

const json = (value: unknown) => JSON.stringify(value, null, 2)

/** A small BERT in the hub's layout: fp32 with its weights in a second file, and quantized. */
export function embedderRepository(): TestRepository {
  const { graph, data } = withExternalData(embedderGraph(), 'model.onnx_data')
  const { vocabulary, hidden } = embedderSize
  return {
    license: 'apache-2.0',
    pipeline: 'feature-extraction',
    revisions: ['v1', 'refs/pr/1'],
    files: {
      '.gitattributes': '*.onnx filter=lfs diff=lfs merge=lfs -text\n',
      'README.md': '# Embedder\n',
      'config.json': json({
        architectures: ['BertModel'],
        model_type: 'bert',
        hidden_size: hidden,
        num_attention_heads: 4,
        num_hidden_layers: 1,
        max_position_embeddings: 512,
        type_vocab_size: 2,
        vocab_size: vocabulary,
        pad_token_id: 0,
      }),
      'tokenizer.json': json({ version: '1.0', model: { type: 'WordLevel', vocab: { a: 0 } } }),
      'tokenizer_config.json': json({ model_max_length: 128, tokenizer_class: 'BertTokenizer' }),
      'onnx/model.onnx': graph,
      'onnx/model.onnx_data': data,
      'onnx/model_quantized.onnx': embedderGraph(),
    },
  }
}

/** A small decoder in the hub's layout, in fp32 and q4f16. */
export const decoderRepository = (): TestRepository => ({
  license: 'mit',
  files: {
    'config.json': json({
      architectures: ['LlamaForCausalLM'],
      model_type: 'llama',
      hidden_size: 16,
      num_attention_heads: 4,
      num_key_value_heads: 2,
      num_hidden_layers: 1,
      max_position_embeddings: 256,
      vocab_size: 48,
      eos_token_id: 2,
      'transformers.js_config': { kv_cache_dtype: { q4f16: 'float16' } },
    }),
    'generation_config.json': json({ eos_token_id: [2, 3], do_sample: true, temperature: 0.6, top_k: 50 }),
    'tokenizer.json': json({ version: '1.0' }),
    'tokenizer_config.json': json({ model_max_length: 1e30 }),
    'onnx/model.onnx': decoderGraph(),
    'onnx/model_q4f16.onnx': decoderGraph(),
  },
})

const bard = (path: string) => readFileSync(new URL(`../../models/catalogue/bard/${path}`, import.meta.url))

/** A decoder whose attention takes sequences of different lengths. As on the hub, only its graph shows this. */
export const bardRepository = (): TestRepository => ({
  license: 'mit',
  files: {
    'config.json': json({
      architectures: ['LlamaForCausalLM'],
      model_type: 'llama',
      num_hidden_layers: 4,
      num_attention_heads: 6,
      num_key_value_heads: 2,
      head_dim: 32,
      max_position_embeddings: 512,
      vocab_size: 3072,
      eos_token_id: 0,
    }),
    'tokenizer.json': bard('tokenizer.json'),
    'tokenizer_config.json': bard('tokenizer_config.json'),
    'onnx/model_q4.onnx': bard('q4-wasm/model.onnx'),
  },
})
