import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { BrowserCommand } from 'vitest/node'
import type { TensorSpec } from '../../models/core/tensor-spec.ts'

export type Answers = Readonly<Record<string, readonly number[]>>

/** A quantized model, and its and the full model's answers on the server tier's backend. */
export interface QuantizedModel {
  /** Base64. */
  readonly graph: string
  readonly inputs: TensorSpec[]
  readonly outputs: TensorSpec[]
  /** One photo a sample where the model has photos; else three rows of random numbers. */
  readonly samples: readonly {
    readonly name: string
    readonly type: 'float32' | 'int32'
    readonly shape: readonly number[]
    readonly data: readonly number[]
    readonly answers: Answers
    readonly fullAnswers: Answers
  }[]
}

/** Quantizes a published model for a backend, in a process of its own. */
export const makeQuantized: BrowserCommand<[name: string, backend: 'wasm' | 'webgpu']> = async (
  _context,
  name,
  backend,
): Promise<QuantizedModel> => {
  const script = fileURLToPath(new URL('../tools/support/make-quantized.ts', import.meta.url))
  const options = { maxBuffer: 2 ** 28 }
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--import', 'tsx', script, name, backend],
    options,
  )
  return JSON.parse(stdout)
}

declare module 'vitest/browser' {
  interface BrowserCommands {
    makeQuantized(name: string, backend: 'wasm' | 'webgpu'): Promise<QuantizedModel>
  }
}
