import { connect } from 'node:http2'
import { inferenceService } from './grpc.ts'

/** Sends bytes to a method in a session of its own; resolves to the headers and trailers of the answer. */
export async function sendRawGrpc(
  port: number,
  method: string,
  body: Uint8Array,
  { isWhole, headers = {} }: { readonly isWhole: boolean; readonly headers?: Record<string, string> },
): Promise<Record<string, unknown>> {
  const session = connect(`http://127.0.0.1:${port}`)
  const path = inferenceService[method]?.path ?? ''
  const stream = session.request({
    ':method': 'POST',
    ':path': path,
    'content-type': 'application/grpc',
    ...headers,
  })
  const received: Record<string, unknown> = {}
  stream.on('response', (headers) => Object.assign(received, headers))
  stream.on('trailers', (trailers) => Object.assign(received, trailers))
  stream.on('error', () => {})
  stream.resume()
  stream.write(body)
  if (isWhole) stream.end()
  await new Promise((resolve) => stream.once('close', resolve))
  session.close()
  return received
}
