import { create } from '@bufbuild/protobuf'
import {
  type AttributeProto,
  AttributeProtoSchema,
  AttributeProto_AttributeType as AttributeType,
} from '../onnx/generated/onnx_pb.ts'
import type { Node } from '../onnx/model.ts'
import { toInt64 } from '../onnx/weight.ts'

const find = (node: Node, name: string): AttributeProto | undefined =>
  node.attribute.find((attribute) => attribute.name === name)

export const hasAttribute = (node: Node, name: string): boolean => find(node, name) !== undefined

export function intOf(node: Node, name: string, otherwise: number): number {
  const found = find(node, name)
  return found === undefined ? otherwise : Number(found.i)
}

export const intsOf = (node: Node, name: string): readonly number[] | undefined =>
  find(node, name)?.ints.map(Number)

export const floatOf = (node: Node, name: string, otherwise: number): number =>
  find(node, name)?.f ?? otherwise

export function stringOf(node: Node, name: string, otherwise: string): string {
  const found = find(node, name)
  return found === undefined ? otherwise : new TextDecoder().decode(found.s)
}

export const tensorOf = (node: Node, name: string) => find(node, name)?.t

/** A value for an attribute. A plain number is an integer. */
export type AttributeValue =
  | number
  | readonly number[]
  | string
  | { readonly float: number }
  | { readonly floats: readonly number[] }

export function makeAttribute(name: string, value: AttributeValue): AttributeProto {
  if (typeof value === 'number') {
    return create(AttributeProtoSchema, { name, type: AttributeType.INT, i: toInt64(value) })
  }
  if (typeof value === 'string') {
    return create(AttributeProtoSchema, {
      name,
      type: AttributeType.STRING,
      s: new TextEncoder().encode(value),
    })
  }
  if ('floats' in value) {
    return create(AttributeProtoSchema, { name, type: AttributeType.FLOATS, floats: [...value.floats] })
  }
  if ('float' in value)
    return create(AttributeProtoSchema, { name, type: AttributeType.FLOAT, f: value.float })
  return create(AttributeProtoSchema, { name, type: AttributeType.INTS, ints: value.map(toInt64) })
}
