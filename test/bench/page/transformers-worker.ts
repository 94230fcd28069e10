/** transformers.js in a worker with plain messages, as a page uses it that has to stay smooth. */
import type { Text } from './encoder.ts'
import { type Encode, openEncoder } from './transformers-encoder.ts'

interface Request {
  readonly id: number
  readonly file?: string
  readonly text?: Text
}

let encode: Encode | undefined

self.onmessage = async ({ data: { id, file, text } }: MessageEvent<Request>) => {
  if (file !== undefined) {
    encode = await openEncoder(file)
    self.postMessage({ id })
    return
  }
  if (!encode || !text) throw new Error('No model')
  const result = await encode(text)
  self.postMessage({ id, result }, { transfer: [result.buffer as ArrayBuffer] })
}
