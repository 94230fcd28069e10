import { status } from '@grpc/grpc-js'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createAccess } from '../../server/auth/access.ts'
import { Keys } from '../../server/auth/keys.ts'
import { Tokens } from '../../server/auth/tokens.ts'
import { type GrpcClient, grpcClient, listenGrpc, serviceOf } from '../support/grpc.ts'
import { codeOf, digits, type GrpcHarness, startGrpc } from '../support/grpc-harness.ts'
import { bearer, testKey } from '../support/keys-file.ts'
import { createManualClock } from '../support/manual-clock.ts'
import { sendRawGrpc } from '../support/send-raw-grpc.ts'

const admin = testKey('operator', { kind: 'admin' })
const backend = testKey('backend')
const healthService = serviceOf('grpc/health/v1/health.proto', 'grpc.health.v1.Health')

describe('on a server with keys', () => {
  let grpc: GrpcHarness
  beforeAll(async () => {
    const keys = new Keys([admin.entry, backend.entry])
    grpc = await startGrpc({ access: createAccess(keys, new Tokens({ secret: undefined, seconds: 600 })) })
  })
  afterAll(() => grpc.close())

  const call = (method: string, message: object, { key } = admin) =>
    grpc.client.call(method, message, bearer(key))
  const model_name = 'digits'
  const stateOf = async () => {
    const { value } = await call('RepositoryIndex', {})
    return [value.models].flat().find((model) => Object(model).name === 'digits')
  }

  test('an administrator unloads a model and loads it again', async () => {
    const unloaded = await call('RepositoryModelUnload', {
      model_name,
      parameters: { unload_dependents: { bool_param: true } },
    })
    expect(unloaded).toMatchObject({ code: 0, value: {} })
    expect(await stateOf()).toMatchObject({ state: 'UNAVAILABLE', reason: 'unloaded' })
    expect(codeOf(await grpc.infer(digits(), bearer(backend.key)))).toEqual(['NOT_FOUND', 'model_unknown'])
    expect(await call('RepositoryModelLoad', { model_name })).toMatchObject({ code: 0, value: {} })
    expect(await stateOf()).toMatchObject({ state: 'READY' })
    expect((await grpc.infer(digits(), bearer(backend.key))).code).toBe(0)
    const { value } = await call('ServerMetadata', {})
    expect(value.extensions).toContain('model_repository')
  })

  test.each(['RepositoryModelLoad', 'RepositoryModelUnload'])('%s is for no other key', async (method) => {
    const denied = await call(method, { model_name }, backend)
    expect(codeOf(denied)).toEqual(['PERMISSION_DENIED', 'access_denied'])
    expect(denied.details).toContain('--admin')
    // Its message, whose end never comes, is not read.
    const received = await sendRawGrpc(grpc.server.port, method, Buffer.alloc(10_000), {
      isWhole: false,
      headers: bearer(backend.key),
    })
    expect(received).toMatchObject({ 'grpc-status': String(status.PERMISSION_DENIED) })
  })

  test.each([
    ['Load', { parameters: { config: { string_param: '{}' } } }, 'not_supported'],
    ['Load', { parameters: { 'file:1/model.onnx': { bytes_param: Buffer.from('x') } } }, 'not_supported'],
    ['Unload', { parameters: { force: { int64_param: '1' } } }, 'not_supported'],
    ['Load', { repository_name: 'mine' }, 'not_supported'],
    ['Load', { model_name: 'nothing' }, 'model_unknown'],
  ])('%s with %j is refused', async (action, more, code) => {
    const answer = await call(`RepositoryModel${action}`, { model_name, ...more })
    expect(codeOf(answer)[1]).toBe(code)
    expect((await grpc.infer(digits(), bearer(backend.key))).code).toBe(0)
  })
})

describe('on a server without keys', () => {
  const clock = createManualClock()
  let isDraining = false
  let grpc: GrpcHarness
  let server: Awaited<ReturnType<typeof listenGrpc>>
  let health: GrpcClient
  beforeAll(async () => {
    grpc = await startGrpc({ isDraining: () => isDraining })
    server = await listenGrpc(grpc.app, { clock })
    health = grpcClient(server.port, healthService)
  })
  afterAll(() => {
    health.close()
    server.close()
    grpc.close()
  })

  const watch = (service: string) => health.watch('Watch', { service })
  const statuses = ({ answers }: ReturnType<typeof watch>) => answers.map((answer) => answer.status)
  /** Lets all watching calls look again. */
  const look = async () => {
    await expect.poll(() => clock.waiting).toBeGreaterThan(0)
    clock.advance(1_000)
  }

  test('programs on its machine load and unload models, and proxies do not', async () => {
    const load = (headers = {}) => grpc.client.call('RepositoryModelLoad', { model_name: 'digits' }, headers)
    expect((await load()).code).toBe(0)
    expect(codeOf(await load({ 'x-forwarded-for': '192.0.2.1' }))).toEqual([
      'PERMISSION_DENIED',
      'access_denied',
    ])
  })

  test('nobody does where administrators have a port of their own', async () => {
    const { options } = grpc.app
    const apart = await listenGrpc({ ...grpc.app, options: { ...options, hasAdminPort: true } })
    const client = grpcClient(apart.port)
    const answer = await client.call('RepositoryModelLoad', { model_name: 'digits' })
    expect(status[answer.code]).toBe('UNIMPLEMENTED')
    client.close()
    apart.close()
  })

  test('Watch answers at once, and whenever the status changes', async () => {
    const ready = watch('')
    const live = watch('liveness')
    const unknown = watch('ghost')
    await expect.poll(() => [ready, live, unknown].map(statuses)).toEqual([[1], [1], [3]])
    isDraining = true
    await look()
    await expect.poll(() => statuses(ready)).toEqual([1, 2])
    isDraining = false
    await look()
    await expect.poll(() => statuses(ready)).toEqual([1, 2, 1])
    expect([live, unknown].map(statuses)).toEqual([[1], [3]])
    for (const { call } of [ready, live, unknown]) call.cancel()
    await expect.poll(() => server.calls).toBe(0)
  })

  test('Watch ends when the server drains, with the status', async () => {
    const watching = watch('readiness')
    await expect.poll(() => statuses(watching)).toEqual([1])
    isDraining = true
    server.drain()
    const { code, metadata } = await watching.ended
    expect([status[code], metadata.get('spillway-error')]).toEqual(['UNAVAILABLE', ['server_draining']])
    expect(statuses(watching)).toEqual([1, 2])
    await expect.poll(() => server.calls).toBe(0)
  })
})
