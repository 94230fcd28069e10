import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import {
  type CallOptions,
  type ChannelOptions,
  Client,
  type ClientDuplexStream,
  type ClientReadableStream,
  credentials,
  Metadata,
  type StatusObject,
} from '@grpc/grpc-js'
import { loadSync, type ServiceDefinition } from '@grpc/proto-loader'
import { systemClock } from '../../models/async/clock.ts'
import { createGrpcApp } from '../../server/grpc/grpc-app.ts'
import { serveGrpc } from '../../server/grpc/grpc-server.ts'
import { deferred } from './deferred.ts'
import type { TestApp } from './test-app.ts'

const protoFolder = fileURLToPath(new URL('../../server/grpc/proto/', import.meta.url))

/** A service of a proto file as grpc-js takes it: read here by code that the server does not have. */
export function serviceOf(file: string, name: string): ServiceDefinition {
  const service = loadSync(`${protoFolder}${file}`, { keepCase: true, longs: String })[name]
  if (service === undefined || 'format' in service) throw new Error(`${file} has no service ${name}`)
  return service as ServiceDefinition
}

export const inferenceService = serviceOf('open_inference_grpc.proto', 'inference.GRPCInferenceService')

/** How a call ended, and what came with it. */
export interface GrpcAnswer {
  /** gRPC's number: 0 is success. */
  readonly code: number
  readonly details: string
  readonly value: Readonly<Record<string, unknown>>
  /** Metadata before the answer, and after it. */
  readonly metadata: Readonly<Record<string, unknown>>
}

export interface GrpcClient {
  call(
    method: string,
    message?: object,
    headers?: Record<string, string>,
    options?: CallOptions,
  ): GrpcCallInTest
  /** Sends one message, whose answers come as a stream. */
  watch(method: string, message?: object): GrpcAnswers<ClientReadableStream<object>>
  /** Opens a stream of messages both ways. */
  stream(method: string, headers?: Record<string, string>): GrpcStream
  readonly client: Client
  close(): void
}

export type GrpcStream = GrpcAnswers<ClientDuplexStream<object, object>>

export interface GrpcAnswers<C> {
  readonly call: C
  /** The answers so far. */
  readonly answers: readonly Readonly<Record<string, unknown>>[]
  readonly ended: Promise<StatusObject>
}

function metadataOf(headers: Readonly<Record<string, string>>): Metadata {
  const metadata = new Metadata()
  for (const [name, value] of Object.entries(headers)) metadata.set(name, value)
  return metadata
}

export interface GrpcCallInTest extends Promise<GrpcAnswer> {
  cancel(): void
}

/** A client by grpc-js. */
export function grpcClient(
  port: number,
  service = inferenceService,
  options: ChannelOptions = {},
): GrpcClient {
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), options)
  const start = (
    method: string,
    serialize: (message: object) => Buffer,
    message: object,
    headers: Record<string, string> = {},
    callOptions: CallOptions = {},
  ): GrpcCallInTest => {
    const definition = service[method]
    if (!definition) throw new Error(`There is no method ${method}`)
    const { promise, resolve } = deferred<GrpcAnswer>()
    let value: object = {}
    let received = {}
    const call = client.makeUnaryRequest(
      definition.path,
      serialize,
      definition.responseDeserialize,
      message,
      metadataOf(headers),
      callOptions,
      (_error, answer) => {
        value = answer ?? {}
      },
    )
    call.on('metadata', (headers) => {
      received = headers.getMap()
    })
    call.on('status', ({ code, details, metadata: trailers }) =>
      // The answer comes after the status.
      setImmediate(() =>
        resolve({ code, details, value: { ...value }, metadata: { ...received, ...trailers.getMap() } }),
      ),
    )
    return Object.assign(promise, { cancel: () => call.cancel() })
  }
  return {
    client,
    call: (method, message = {}, headers, callOptions) => {
      const serialize = service[method]?.requestSerialize
      if (!serialize) throw new Error(`There is no method ${method}`)
      return start(method, serialize, message, headers, callOptions)
    },
    watch: (method, message = {}) => {
      const definition = service[method]
      if (!definition) throw new Error(`There is no method ${method}`)
      const { path, requestSerialize, responseDeserialize } = definition
      return answersOf(
        client.makeServerStreamRequest<object, object>(path, requestSerialize, responseDeserialize, message),
      )
    },
    stream: (method, headers = {}) => {
      const definition = service[method]
      if (!definition) throw new Error(`There is no method ${method}`)
      const call = client.makeBidiStreamRequest<object, object>(
        definition.path,
        definition.requestSerialize,
        definition.responseDeserialize,
        metadataOf(headers),
      )
      return answersOf(call)
    },
    close: () => client.close(),
  }
}

function answersOf<C extends ClientReadableStream<object> | ClientDuplexStream<object, object>>(
  call: C,
): GrpcAnswers<C> {
  const answers: Record<string, unknown>[] = []
  call.on('data', (answer: object) => answers.push({ ...answer }))
  // The status says it.
  call.on('error', () => {})
  const ended = new Promise<StatusObject>((resolve) => call.once('status', resolve))
  return { call, answers, ended }
}

/** The app's methods over gRPC, behind a socket of their own. */
export async function listenGrpc(
  app: TestApp,
  { clock = systemClock, uploadMs = 60_000, pingMs = 60_000 } = {},
) {
  const listening = deferred<AddressInfo>()
  let calls = 0
  const server = serveGrpc({
    calls: createGrpcApp({ ...app.options, clock, uploadMs }),
    port: 0,
    host: '127.0.0.1',
    pingMs,
    clock,
    begin: () => {
      calls++
      return () => calls--
    },
    onListening: listening.resolve,
    onError: listening.reject,
  })
  const { port } = await listening.promise
  return {
    port,
    /** Calls in flight. */
    get calls() {
      return calls
    },
    drain: () => server.drain(),
    close: () => {
      server.drain()
      server.stop()
    },
  }
}
