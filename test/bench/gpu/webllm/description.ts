import * as z from 'zod/mini'

const count = z.int().check(z.positive())

const schema = z.object({
  model_type: z.string(),
  quantization: z.string(),
  context_window_size: count,
  prefill_chunk_size: count,
  max_batch_size: count,
  params: z.array(
    z.object({
      name: z.string(),
      shape: z.array(count),
      dtype: z.enum(['uint32', 'float16', 'float32']),
    }),
  ),
  kv_cache: z.object({
    num_hidden_layers: count,
    num_attention_heads: count,
    num_key_value_heads: count,
    head_dim: count,
  }),
})

/** What a compiled library says of its model: the tensors that it reads, and its sizes. */
export type LibraryDescription = z.infer<typeof schema>

const start = Buffer.from('{"model_type"')

/** Reads the description in a library: JSON in the middle of WebAssembly. @throws Error where it has none. */
export function describeLibrary(library: Uint8Array): LibraryDescription {
  const bytes = Buffer.from(library.buffer, library.byteOffset, library.byteLength)
  const at = bytes.indexOf(start)
  if (at < 0) throw new Error('The library does not describe its model')
  return z.parse(schema, JSON.parse(objectAt(bytes, at)))
}

/** The text of the JSON object that begins there. No bracket is in a string: these are names of tensors and types. */
function objectAt(bytes: Buffer, at: number): string {
  let depth = 0
  for (let end = at; end < bytes.length; end++) {
    if (bytes[end] === 0x7b) depth++
    if (bytes[end] === 0x7d && --depth === 0) return bytes.toString('utf8', at, end + 1)
  }
  throw new Error('The description in the library has no end')
}
