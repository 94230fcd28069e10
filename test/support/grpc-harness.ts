import { status } from '@grpc/grpc-js'
import { pino } from 'pino'
import { expect } from 'vitest'
import { systemClock } from '../../models/async/clock.ts'
import { deferred } from './deferred.ts'
import { type GrpcAnswer, grpcClient, listenGrpc } from './grpc.ts'
import { processLane } from './process-lane.ts'
import { startTestApp } from './test-app.ts'

const pixels = new Float32Array(784).fill(0.5)

/** The input of `digits` without its elements, and these. */
export const image = { name: 'image', datatype: 'FP32', shape: [1, 1, 28, 28] }
export const imageElements = [...pixels]

/** Elements as they travel in `raw_input_contents` and `raw_output_contents`. */
export const raw = (...arrays: readonly ArrayBufferView[]) =>
  arrays.map(({ buffer, byteOffset, byteLength }) => Buffer.from(buffer, byteOffset, byteLength))

/** A `ModelInferRequest` for `digits`. */
export const digits = (more: object = {}) => ({
  model_name: 'digits',
  inputs: [image],
  raw_input_contents: raw(pixels),
  ...more,
})

/** The names of a call's status and of its error. */
export const codeOf = ({ code, metadata }: GrpcAnswer) => [status[code], metadata['spillway-error']]

export const maxBodyBytes = 2_000_000

/** The app with real lanes behind gRPC, and a client. */
export async function startGrpc(options: Omit<Parameters<typeof startTestApp>[0], 'startLane' | 'log'> = {}) {
  /** Lines of the log so far. */
  const lines: Record<string, unknown>[] = []
  /** Rows of each batch of `digits` that was sent to a lane. */
  const batches: number[] = []
  let held: Promise<void> | undefined
  const startLane = () => {
    const lane = processLane(systemClock)
    const run: typeof lane.run = async (batch) => {
      const rows = batch.inputs.image?.shape[0]
      if (rows !== undefined) batches.push(rows)
      const reply = await lane.run(batch)
      await held
      return reply
    }
    return { ...lane, run }
  }
  const log = pino({}, { write: (line: string) => void lines.push(JSON.parse(line)) })
  const app = await startTestApp({ maxBodyBytes, startLane, log, ...options })
  batches.length = 0
  const server = await listenGrpc(app)
  const client = grpcClient(server.port)
  return {
    app,
    server,
    client,
    batches,
    lines,
    infer: (message: object, headers?: Record<string, string>) => client.call('ModelInfer', message, headers),
    /** Holds the lanes' answers back; returns a function that releases them. */
    hold: () => {
      const { promise, resolve } = deferred<void>()
      held = promise
      return () => resolve()
    },
    /** The log line of a call, once it has been written. */
    lineOf: async (requestId: string) => {
      const find = () => lines.find((line) => line.msg === 'request' && line.requestId === requestId)
      await expect.poll(find).toBeDefined()
      return find()
    },
    close: () => {
      client.close()
      server.close()
      app.close()
    },
  }
}

export type GrpcHarness = Awaited<ReturnType<typeof startGrpc>>
