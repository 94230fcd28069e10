/** First bytes of files that are taken for ONNX models, after some bytes of another content. */
const formats: readonly (readonly [skipped: number, magic: string, name: string])[] = [
  [4, 'TFL3', 'a model of TensorFlow Lite (TFL3)'],
  [4, 'ORTM', "ONNX Runtime's own format (ORTM): take the .onnx file that it was made of"],
  [0, 'PK\u0003\u0004', 'a zip archive, as PyTorch (.pt) and Keras write them'],
  [0, '\u0089HDF', 'HDF5, as Keras writes it (.h5)'],
  [0, 'GGUF', "a model of llama.cpp's (GGUF)"],
  [0, '\u0080\u0002', 'a Python pickle, as PyTorch writes it'],
  [0, '\u001f\u008b', 'gzip: unpack it first'],
  [0, '<!DOCTYPE', 'a web page'],
  [0, '<html', 'a web page'],
]

/** The format of a file that is no ONNX model, in words; undefined where it may be one. */
export function foreignFormat(bytes: Uint8Array): string | undefined {
  const start = Buffer.from(bytes.subarray(0, 32)).toString('latin1')
  return formats.find(([skipped, magic]) => start.startsWith(magic, skipped))?.[2]
}
