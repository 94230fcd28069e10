import { fromBinary } from '@bufbuild/protobuf'
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt'
import { status } from '@grpc/grpc-js'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createAccess } from '../../server/auth/access.ts'
import { Keys } from '../../server/auth/keys.ts'
import { Tokens } from '../../server/auth/tokens.ts'
import { type GrpcClient, grpcClient, inferenceService, serviceOf } from '../support/grpc.ts'
import { codeOf, type GrpcHarness, startGrpc } from '../support/grpc-harness.ts'
import { bearer, testKey } from '../support/keys-file.ts'

const backend = testKey('backend')

let grpc: GrpcHarness
let health: GrpcClient
let reflection: GrpcClient
let isDraining = false
beforeAll(async () => {
  const access = createAccess(new Keys([backend.entry]), new Tokens({ secret: undefined, seconds: 600 }))
  grpc = await startGrpc({ access, isDraining: () => isDraining })
  health = grpcClient(grpc.server.port, serviceOf('grpc/health/v1/health.proto', 'grpc.health.v1.Health'))
  reflection = grpcClient(
    grpc.server.port,
    serviceOf('grpc/reflection/v1/reflection.proto', 'grpc.reflection.v1.ServerReflection'),
  )
})
afterAll(() => {
  health.close()
  reflection.close()
  grpc.close()
})

describe('the health check, without a key,', () => {
  const check = (service: string) => health.call('Check', { service })

  test('is of the server, its service, and the two probes of Kubernetes', async () => {
    for (const service of ['', 'inference.GRPCInferenceService', 'readiness', 'liveness'])
      expect(await check(service)).toMatchObject({ code: 0, value: { status: 1 } })
  })

  test('says that a server that drains serves no more, and lives', async () => {
    isDraining = true
    expect((await check('')).value).toEqual({ status: 2 })
    expect((await check('readiness')).value).toEqual({ status: 2 })
    expect((await check('liveness')).value).toEqual({ status: 1 })
    expect((await grpc.client.call('ServerReady')).value).toEqual({})
    isDraining = false
  })

  test('of another service is NOT_FOUND', async () => {
    expect(status[(await check('ghost')).code]).toBe('NOT_FOUND')
  })
})

describe('reflection', () => {
  /** Asks several things in one stream. */
  async function ask(...requests: readonly object[]) {
    const { call, answers, ended } = reflection.stream('ServerReflectionInfo', bearer(backend.key))
    for (const request of requests) call.write(request)
    call.end()
    expect((await ended).code).toBe(0)
    return answers
  }
  const fileOf = (answer: unknown) => {
    const [bytes] = Object(answer).file_descriptor_response.file_descriptor_proto
    return fromBinary(FileDescriptorProtoSchema, bytes)
  }

  test('lists the services', async () => {
    expect(await ask({ list_services: '' })).toMatchObject([
      {
        list_services_response: {
          service: [
            { name: 'inference.GRPCInferenceService' },
            { name: 'grpc.health.v1.Health' },
            { name: 'grpc.reflection.v1.ServerReflection' },
          ],
        },
      },
    ])
  })

  test('has the file of a service, a method and a message, and by its name', async () => {
    const answers = await ask(
      { file_containing_symbol: 'inference.GRPCInferenceService' },
      { file_containing_symbol: 'inference.GRPCInferenceService.ModelInfer' },
      { file_containing_symbol: 'inference.ModelInferRequest.InferInputTensor' },
      { file_by_filename: 'open_inference_grpc.proto' },
    )
    const [config] = (await ask({ file_by_filename: 'model_config.proto' })).map(fileOf)
    expect(config?.messageType.map(({ name }) => name)).toContain('ModelConfig')
    for (const { name, package: space, service } of answers.map(fileOf)) {
      expect([name, space]).toEqual(['open_inference_grpc.proto', 'inference'])
      expect(service[0]?.method.map(({ name }) => name)).toEqual(Object.keys(inferenceService))
    }
  })

  test('says what it does not have', async () => {
    const answers = await ask(
      { file_containing_symbol: 'spillway.EncodedInferRequest' },
      { file_by_filename: '../../package.json' },
      { all_extension_numbers_of_type: 'inference.ModelInferRequest' },
      {},
    )
    expect(answers).toMatchObject(new Array(4).fill({ error_response: { error_code: status.NOT_FOUND } }))
  })

  test('needs a key', async () => {
    expect(codeOf(await reflection.call('ServerReflectionInfo'))).toEqual([
      'UNAUTHENTICATED',
      'unauthenticated',
    ])
  })
})
