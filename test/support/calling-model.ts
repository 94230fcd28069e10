import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { create } from '@bufbuild/protobuf'
import { makeManifest, writeManifest } from '../../models/tools/manifest/write.ts'
import { DataType } from '../../models/tools/onnx/data-type.ts'
import { TensorProtoSchema } from '../../models/tools/onnx/generated/onnx_pb.ts'
import { viewBytes } from '../../models/tools/onnx/weight.ts'
import { byteFallbackFile, tokenizerFiles } from './byte-fallback-tokenizer.ts'
import { decoderGraph } from './hub-models.ts'

/** What the model writes: its call after a question, its answer after a tool's result. */
const texts = {
  '<|ask|>': ['I look.', '<tool_call>', '{"name": "weather", "arguments": {"at": "sea"}}', '</tool_call>'],
  '<|told|>': ['It is ', 'stormy.'],
}

const template =
  "{% for t in tools or [] %}{{ t | tojson }}{% endfor %}{% for m in messages %}{{ m.role }}: {{ m.content }}{% for c in m.tool_calls or [] %}<tool_call>{{ c.function | tojson }}</tool_call>{% endfor %}\n{% endfor %}{% if messages[-1].role == 'tool' %}<|told|>{% else %}<|ask|>{% endif %}"

const firstId = Object.keys(byteFallbackFile.model.vocab).length
const pieces = Object.entries(texts).flat(2)
const vocabulary = firstId + pieces.length

/** After each token, the next of its text; 0, which ends a text, after all others. */
function nextTokens() {
  const table = new Float32Array(vocabulary * vocabulary)
  const idOf = (piece: string) => firstId + pieces.indexOf(piece)
  const next = new Map<number, number>()
  for (const [start, text] of Object.entries(texts)) {
    const ids = [start, ...text].map(idOf)
    for (const [at, id] of ids.entries()) next.set(id, ids[at + 1] ?? 0)
  }
  // So likely that no sampling takes another.
  for (let id = 0; id < vocabulary; id++) table[id * vocabulary + (next.get(id) ?? 0)] = 100
  return create(TensorProtoSchema, {
    name: 'table',
    dataType: DataType.FLOAT,
    dims: [vocabulary, vocabulary].map(BigInt),
    rawData: viewBytes(table),
  })
}

/** Writes a language model that calls the tool `weather`, then says what it was told, into a folder of SPILLWAY_MODELS. */
export async function writeCallingModel(folder: string, id: string): Promise<void> {
  const root = join(folder, id)
  await mkdir(join(root, 'onnx'), { recursive: true })
  const added = pieces.map((content, at) => ({
    id: firstId + at,
    content,
    special: content in texts,
    normalized: false,
  }))
  const files = tokenizerFiles({
    'config.json': {
      architectures: ['LlamaForCausalLM'],
      model_type: 'llama',
      hidden_size: 16,
      num_attention_heads: 4,
      num_key_value_heads: 2,
      num_hidden_layers: 1,
      max_position_embeddings: 4_096,
      vocab_size: vocabulary,
      eos_token_id: 0,
    },
    'generation_config.json': { eos_token_id: 0 },
    'tokenizer.json': { ...byteFallbackFile, added_tokens: [...byteFallbackFile.added_tokens, ...added] },
    'tokenizer_config.json': { chat_template: template },
  })
  for (const [path, bytes] of files) await writeFile(join(root, path), bytes)
  await writeFile(join(root, 'onnx', 'model.onnx'), decoderGraph(vocabulary, nextTokens()))
  writeManifest(join(root, 'manifest.json'), await makeManifest(root))
}
