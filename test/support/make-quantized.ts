import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
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

let started: ChildProcess | undefined

/** One process for all calls: it takes seconds to start. It ends with this one. */
function start(): ChildProcess {
  const script = fileURLToPath(new URL('../tools/support/make-quantized.ts', import.meta.url))
  const child = fork(script, { execArgv: ['--import', 'tsx'] })
  child.once('exit', () => {
    started = undefined
  })
  child.unref()
  child.channel?.unref()
  return child
}

/** Quantizes a published model for a backend, in another process. One call at a time. */
export const makeQuantized: BrowserCommand<[name: string, backend: 'wasm' | 'webgpu']> = async (
  _context,
  name,
  backend,
): Promise<QuantizedModel> => {
  started ??= start()
  const child = started
  const ended = new AbortController()
  const failed = once(child, 'exit', { signal: ended.signal }).then(([code]) => {
    throw new Error(`${name} was not quantized for ${backend}: the process ended with ${code}`)
  })
  const made = once(child, 'message', { signal: ended.signal }).then(([model]) => model)
  child.send({ name, backend })
  try {
    return await Promise.race([made, failed])
  } finally {
    ended.abort()
    await Promise.allSettled([made, failed])
  }
}

declare module 'vitest/browser' {
  interface BrowserCommands {
    makeQuantized(name: string, backend: 'wasm' | 'webgpu'): Promise<QuantizedModel>
  }
}
