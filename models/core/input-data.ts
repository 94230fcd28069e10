/** The arrays that callers pass as elements, of any realm, and how errors name what else they pass. */
import { arrayOf, type NumericType, type TensorData, type TensorType } from './tensor.ts'

/** Half floats in engines that have the class, which TypeScript's library of ES2023 does not describe. */
export interface Float16ArrayLike extends ArrayBufferView {
  readonly length: number
  readonly [Symbol.toStringTag]: 'Float16Array'
}

/**
 * The elements of an input: a tensor's, or those of a class that holds the same bytes. `uint8` may come as the
 * Uint8ClampedArray of a picture, `float16` as a Float16Array.
 */
export type InputData = TensorData | Uint8ClampedArray | Float16ArrayLike

/**
 * The elements as the array that tensors of `type` have, or undefined for anything else. Arrays of another realm, such
 * as a frame of the page, and arrays of a class with the same bytes become views of the same memory.
 */
export function toTensorData(type: TensorType, value: unknown): TensorData | undefined {
  if (type === 'string') return areStrings(value) ? value : undefined
  const array = arrayOf(type)
  if (value instanceof array) return value
  if (!ArrayBuffer.isView(value) || !holdsSameBytes(type, className(value))) return undefined
  // A view of shared memory is one as well, which the union of constructors does not say.
  return new array(value.buffer as ArrayBuffer, value.byteOffset, value.byteLength / array.BYTES_PER_ELEMENT)
}

const areStrings = (value: unknown): value is readonly string[] =>
  Array.isArray(value) && value.every((element) => typeof element === 'string')

function holdsSameBytes(type: NumericType, name: string): boolean {
  if (name === 'Uint8ClampedArray') return arrayOf(type) === Uint8Array
  if (name === 'Float16Array') return type === 'float16'
  return name === arrayOf(type).name
}

/** For messages: `a Float32Array (float32)`. */
export function expectedArray(type: TensorType): string {
  if (type === 'string') return 'an array of strings (string)'
  if (type === 'float16') return 'a Float16Array or a Uint16Array of its bits (float16)'
  return `a ${arrayOf(type).name} (${type})`
}

/** How a list of numbers becomes the array that is expected. */
export function wrongArrayHint(type: TensorType, value: unknown): { readonly hint?: string } {
  if (!Array.isArray(value)) return {}
  if (type === 'string') return { hint: 'Every element is a string: list.map(String) makes them.' }
  const { name } = arrayOf(type)
  if (type === 'float16') return { hint: 'Float16Array.from(list) makes one.' }
  return { hint: `${name}.from(list${name.startsWith('Big') ? ', BigInt' : ''}) makes one of a flat list.` }
}

/** For messages: the class of an object, else the kind of value. */
export function describeValue(value: unknown): string {
  if (value === undefined || value === null) return 'nothing'
  return typeof value === 'object' ? className(value) : typeof value
}

const className = (value: object): string => Object.prototype.toString.call(value).slice(8, -1)
