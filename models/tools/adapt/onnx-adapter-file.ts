import { readFileSync, statSync } from 'node:fs'
import { ByteBuffer } from 'flatbuffers'
import { SpillwayError } from '../../core/error.ts'
import { malformed } from '../errors.ts'
import { DataType } from '../onnx/data-type.ts'
import { checkDims, type Weight, weightBytes } from '../onnx/weight.ts'

const identifier = 'TORT'
const knownVersion = 1

/** Bytes that a file of FlatBuffers may have: its offsets have 31 bits. */
const largest = 2 ** 31 - 1

/** Where a table's vtable has its fields, by `adapter_schema.fbs` of onnxruntime. */
const adapterFields = { formatVersion: 4, parameters: 10 }
const parameterFields = { name: 4, dims: 6, type: 8, data: 10 }

/**
 * Reads the parameters of an adapter in onnxruntime's format, a file of FlatBuffers.
 *
 * @throws SpillwayError `file_missing`, `model_invalid`, or `not_supported` for another version or what is not of floats.
 */
export function readOnnxAdapterFile(path: string): readonly Weight[] {
  const bytes = readBytes(path)
  const buffer = new ByteBuffer(bytes)
  if (bytes.length < 16 || !buffer.__has_identifier(identifier))
    throw malformed(`${path} is not an adapter of onnxruntime`)
  const table = new TableReader(buffer, buffer.readInt32(0), path)
  const version = table.int32(adapterFields.formatVersion)
  if (version !== knownVersion) {
    throw new SpillwayError('not_supported', `${path} has another version of the format`, {
      expected: `${knownVersion}`,
      got: `${version}`,
    })
  }
  return table.tables(adapterFields.parameters).map((parameter) => readParameter(parameter, path))
}

function readParameter(parameter: TableReader, path: string): Weight {
  const name = parameter.string(parameterFields.name)
  const dims = checkDims(parameter.int64s(parameterFields.dims), `"${name}" of ${path}`)
  const type = parameter.int32(parameterFields.type)
  if (type !== DataType.FLOAT && type !== DataType.FLOAT16) {
    throw new SpillwayError('not_supported', `The parameter "${name}" of ${path} is not of floats`, {
      expected: 'float32 or float16',
      got: DataType[type] ?? `${type}`,
      hint: 'Convert the adapter without quantizing it.',
    })
  }
  const data = parameter.bytes(parameterFields.data)
  const length = weightBytes({ type, dims })
  if (data.length !== length) {
    throw malformed(`The data of "${name}" is incomplete in ${path}`, {
      expected: `${length} bytes`,
      got: `${data.length}`,
    })
  }
  return { name, type, dims, file: path, bytes: () => data }
}

/** The fields of a table, within the file. */
class TableReader {
  readonly #buffer: ByteBuffer
  readonly #at: number
  readonly #path: string

  constructor(buffer: ByteBuffer, at: number, path: string) {
    this.#buffer = buffer
    this.#at = at
    this.#path = path
    this.#check(at, 4)
    const vtable = at - buffer.readInt32(at)
    this.#check(vtable, 4)
    this.#check(vtable, buffer.readInt16(vtable))
  }

  int32(field: number): number {
    const offset = this.#offset(field)
    if (offset === 0) return 0
    this.#check(this.#at + offset, 4)
    return this.#buffer.readInt32(this.#at + offset)
  }

  string(field: number): string {
    return new TextDecoder().decode(this.bytes(field))
  }

  bytes(field: number): Uint8Array {
    const { start, length } = this.#vector(field, 1)
    return this.#buffer.bytes().subarray(start, start + length)
  }

  int64s(field: number): bigint[] {
    const { start, length } = this.#vector(field, 8)
    return Array.from({ length }, (_, index) => this.#buffer.readInt64(start + 8 * index))
  }

  tables(field: number): TableReader[] {
    const { start, length } = this.#vector(field, 4)
    return Array.from({ length }, (_, index) => {
      const at = start + 4 * index
      return new TableReader(this.#buffer, this.#buffer.__indirect(at), this.#path)
    })
  }

  #vector(field: number, size: number): { readonly start: number; readonly length: number } {
    const offset = this.#offset(field)
    if (offset === 0) return { start: 0, length: 0 }
    this.#check(this.#at + offset, 4)
    const vector = this.#buffer.__indirect(this.#at + offset)
    this.#check(vector, 4)
    const length = this.#buffer.readInt32(vector)
    this.#check(vector + 4, length * size)
    return { start: vector + 4, length }
  }

  /** Zero where the table has no such field. */
  #offset(field: number): number {
    return this.#buffer.__offset(this.#at, field)
  }

  #check(at: number, length: number): void {
    if (at >= 4 && length >= 0 && at + length <= this.#buffer.capacity()) return
    throw malformed(`${this.#path} is damaged`, {
      expected: `offsets within its ${this.#buffer.capacity()} bytes`,
    })
  }
}

function readBytes(path: string): Uint8Array {
  try {
    const { size } = statSync(path)
    if (size > largest) throw malformed(`${path} is too large for an adapter`, { got: `${size} bytes` })
    return readFileSync(path)
  } catch (cause) {
    throw SpillwayError.from(cause, 'file_missing', `${path} cannot be read`)
  }
}
