/** A safetensors file of float32 tensors. @param dtype What its header says, for files that say otherwise. */
export function safetensors(
  tensors: Readonly<Record<string, { readonly shape: readonly number[]; readonly data: readonly number[] }>>,
  dtype = 'F32',
): Uint8Array<ArrayBuffer> {
  const header: Record<string, unknown> = { __metadata__: { format: 'pt' } }
  const numbers: number[] = []
  for (const [name, { shape, data }] of Object.entries(tensors)) {
    const from = 4 * numbers.length
    numbers.push(...data)
    header[name] = { dtype, shape, data_offsets: [from, 4 * numbers.length] }
  }
  const text = new TextEncoder().encode(JSON.stringify(header))
  const file = new Uint8Array(8 + text.length + 4 * numbers.length)
  new DataView(file.buffer).setBigUint64(0, BigInt(text.length), true)
  file.set(text, 8)
  file.set(new Uint8Array(Float32Array.from(numbers).buffer), 8 + text.length)
  return file
}
