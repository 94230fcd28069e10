/** A NumPy file, as `numpy.save` writes it. */
export function npy(type: string, shape: readonly number[], data: ArrayBufferView): Uint8Array {
  const tuple = shape.length === 1 ? `${shape[0]},` : shape.join(', ')
  const text = `{'descr': '${type}', 'fortran_order': False, 'shape': (${tuple}), }`
  const header = `${text.padEnd(Math.ceil((text.length + 11) / 64) * 64 - 11)}\n`
  const start = Buffer.from([0x93, ...Buffer.from('NUMPY'), 1, 0, header.length & 255, header.length >> 8])
  const elements = Buffer.from(data.buffer, data.byteOffset, data.byteLength)
  return new Uint8Array(Buffer.concat([start, Buffer.from(header, 'latin1'), elements]))
}
