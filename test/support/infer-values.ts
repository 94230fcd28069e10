/** Requests and responses of the Open Inference Protocol with any values: numbers in binary, strings in JSON. */
import { datatypeOf } from '../../models/protocols/oip.ts'
import { jsonLengthHeader } from '../../models/protocols/oip-binary.ts'
import { bytesOf, isNumeric, numbersOf, numericTypes, type Value, type Values } from './node-tests.ts'

/** @param names Of the inputs, in the order of the values. */
export function inferRequest(names: readonly string[], values: readonly Value[]): RequestInit {
  const inputs = values.map((value, index) => {
    const head = { name: names[index] ?? '', shape: value.dims }
    if (!isNumeric(value.type)) return { ...head, datatype: 'BYTES', data: value.data }
    const parameters = { binary_data_size: bytesOf(value).length }
    return { ...head, datatype: datatypeOf(value.type), parameters }
  })
  const json = Buffer.from(JSON.stringify({ parameters: { binary_data_output: true }, inputs }))
  return {
    method: 'POST',
    headers: { [jsonLengthHeader]: String(json.length) },
    body: Buffer.concat([json, ...values.map(bytesOf)]),
  }
}

interface WireOutput {
  readonly name: string
  readonly datatype: string
  readonly shape: readonly number[]
  readonly data?: readonly unknown[]
  readonly parameters?: { readonly binary_data_size?: number }
}

/** @throws Error With the body of a refusal. */
export async function inferResponseValues(response: Response): Promise<Values> {
  const bytes = new Uint8Array(await response.arrayBuffer())
  const header = response.headers.get(jsonLengthHeader)
  let at = header === null ? bytes.length : Number(header)
  const text = new TextDecoder().decode(bytes.subarray(0, at))
  if (!response.ok) throw new Error(text)
  const { outputs }: { outputs: readonly WireOutput[] } = JSON.parse(text)
  const values: Record<string, Value> = {}
  for (const output of outputs) {
    const size = output.parameters?.binary_data_size ?? 0
    values[output.name] = readOutput(output, bytes.slice(at, at + size))
    at += size
  }
  return values
}

function readOutput({ datatype, shape, data }: WireOutput, bytes: Uint8Array): Value {
  const type = numericTypes.find((name) => datatypeOf(name) === datatype)
  if (type) return numbersOf(type, bytes, shape)
  return { type: 'string', data: data ? data.map(String) : readStrings(bytes), dims: shape }
}

/** Each string comes after its length in four bytes. */
function readStrings(bytes: Uint8Array): string[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const strings: string[] = []
  for (let at = 0; at < bytes.length; ) {
    const length = view.getUint32(at, true)
    strings.push(new TextDecoder().decode(bytes.subarray(at + 4, at + 4 + length)))
    at += 4 + length
  }
  return strings
}
