import { create } from '@bufbuild/protobuf'
import { NodeProtoSchema } from '../onnx/generated/onnx_pb.ts'
import type { Node } from '../onnx/model.ts'
import { type AttributeValue, makeAttribute } from './attributes.ts'

/** The domain of ONNX Runtime's own operators. */
export const contrib = 'com.microsoft'

export interface NodeParts {
  readonly op: string
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly attributes?: Readonly<Record<string, AttributeValue>>
  readonly domain?: string
}

/** A node, named by its first output, which is unique. */
export const makeNode = ({ op, inputs, outputs, attributes = {}, domain = '' }: NodeParts): Node =>
  create(NodeProtoSchema, {
    opType: op,
    domain,
    name: outputs[0] ?? op,
    input: [...inputs],
    output: [...outputs],
    attribute: Object.entries(attributes).map(([name, value]) => makeAttribute(name, value)),
  })

/** A copy of the node with some parts replaced. */
export const changeNode = (
  node: Node,
  parts: Partial<Pick<Node, 'name' | 'opType' | 'input' | 'output' | 'attribute'>>,
): Node => Object.assign(create(NodeProtoSchema), node, parts)

/** The full name of an operator: `com.microsoft.MatMulNBits`, `Conv`. */
export const operatorOf = ({ domain, opType }: Node): string =>
  domain === '' || domain === 'ai.onnx' ? opType : `${domain}.${opType}`

export const isStandard = ({ domain }: Node): boolean => domain === '' || domain === 'ai.onnx'
