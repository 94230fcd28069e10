import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { BrowserCommand } from 'vitest/node'
import { tensorTypes } from '../../models/core/index.ts'
import { encode, modelProto, value } from '../tools/support/build.ts'
import { echoGraph } from './echo-graph.ts'
import { kindGraphs } from './tensor-kinds.ts'
import { testModels } from './test-models.ts'

/** Multiplies a matrix of 512 × 512 by itself so often that a run takes long. */
const slow = () =>
  encode(
    modelProto({
      nodes: Array.from({ length: 12 }, (_, at) => ({
        op: 'MatMul',
        inputs: [`x${at}`, `x${at}`],
        outputs: [`x${at + 1}`],
      })),
      inputs: [value('x0', [512, 512])],
      outputs: [value('x12', [512, 512])],
    }),
  )

const graphs = { ...kindGraphs, slow: slow(), echo: echoGraph(tensorTypes) }

export type GraphName = keyof typeof graphs

/** The bytes of a graph as base64: one that is made here, or a file of the published models, absent where they are. */
export const graphBytes: BrowserCommand<[name: GraphName | `${string}.onnx`]> = async (_context, name) => {
  if (name in graphs) return Buffer.from(graphs[name as GraphName]).toString('base64')
  return testModels === undefined ? undefined : readFile(join(testModels, name), 'base64')
}

declare module 'vitest/browser' {
  interface BrowserCommands {
    graphBytes: (name: GraphName | `${string}.onnx`) => Promise<string | undefined>
  }
}
