import type { Tensor } from '../../models/core/index.ts'
import { datatypeOf } from '../../models/protocols/oip.ts'
import { binaryTensor, elementBytes, joinBody, jsonLengthHeader } from '../../models/protocols/oip-binary.ts'

export interface Input {
  readonly name: string
  readonly type: 'float32' | 'int32'
  readonly shape: readonly number[]
  readonly values: readonly number[]
}

/** One row for each model that benches of the server run. */
export const inputs = {
  // Grey values with four decimals.
  'mnist-mlp': (): Input => ({
    name: 'input1',
    type: 'float32',
    shape: [1, 784],
    values: Array.from({ length: 784 }, () => Math.round(Math.random() * 1e4) / 1e4),
  }),
  magika: (): Input => ({
    name: 'bytes',
    type: 'int32',
    shape: [1, 2_048],
    values: Array.from({ length: 2_048 }, () => Math.floor(Math.random() * 257)),
  }),
}

export interface Body {
  readonly headers: Record<string, string>
  readonly body: string | Buffer
}

export const bodies = {
  /** As a client sends it that knows only the protocol's core. */
  json: ({ name, type, shape, values }: Input): Body => ({
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ inputs: [{ name, datatype: datatypeOf(type), shape, data: values }] }),
  }),
  /** As a page sends it from its second request on, once the server has announced the extension. */
  binary: ({ name, type, shape, values }: Input): Body => {
    const data = type === 'float32' ? Float32Array.from(values) : Int32Array.from(values)
    const tensor: Tensor = { type, data, shape }
    const elements = elementBytes(tensor)
    const inputs = [binaryTensor(name, tensor, elements)]
    const json = new TextEncoder().encode(
      JSON.stringify({ parameters: { binary_data_output: true }, inputs }),
    )
    return {
      headers: { 'content-type': 'application/octet-stream', [jsonLengthHeader]: String(json.length) },
      body: Buffer.from(joinBody(json, [elements])),
    }
  },
}

/** The bytes of a POST request. */
export function postBytes(url: URL, path: string, { headers, body }: Body): Buffer {
  const lines = [
    `POST ${path} HTTP/1.1`,
    `host: ${url.host}`,
    `content-length: ${Buffer.byteLength(body)}`,
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
  ]
  return Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`), Buffer.from(body)])
}

/** The bytes of an infer request. */
export const inferBytes = (url: URL, model: string, body: Body): Buffer =>
  postBytes(url, `/v2/models/${model}/infer`, body)

/** One row of magika in binary, for each caller. */
export function ofCallers(url: URL, callers: number): Buffer[] {
  const { headers, body } = bodies.binary(inputs.magika())
  return Array.from({ length: callers }, (_, caller) =>
    inferBytes(url, 'magika', { headers: { ...headers, authorization: `Bearer caller-${caller}` }, body }),
  )
}
