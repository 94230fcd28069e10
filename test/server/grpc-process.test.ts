import { status } from '@grpc/grpc-js'
import { expect, test } from 'vitest'
import { type GrpcClient, grpcClient } from '../support/grpc.ts'
import { digits } from '../support/grpc-harness.ts'
import { seriesValue } from '../support/series-value.ts'
import { startServer, type TestServer } from '../support/server.ts'

const portOf = ({ log }: TestServer) =>
  Number(log.find(({ msg }) => String(msg).startsWith('gRPC is on port'))?.port)

test('a server without SPILLWAY_GRPC_PORT has no gRPC, and with it listens on the address of HTTP', async () => {
  const without = await startServer()
  expect(portOf(without)).toBeNaN()
  expect(await without.stop()).toBe(0)
  // The rule of where to listen without keys is the same.
  await expect(startServer({ SPILLWAY_GRPC_PORT: '0', HOST: '0.0.0.0' })).rejects.toThrow('SPILLWAY_OPEN=1')
})

/** Suspended lanes make runs look long: without this, admission refuses some of the calls on a slow machine. */
const patient = { SPILLWAY_BURST_MS: '60000' }

/** Calls that are in flight until the lanes resume. */
async function callsInFlight(server: TestServer, client: GrpcClient) {
  expect((await client.call('ModelInfer', digits())).code).toBe(0)
  const resume = server.freezeLanes()
  const calls = Array.from({ length: 20 }, () => client.call('ModelInfer', digits()))
  const metrics = async () => (await fetch(new URL('metrics', server.url))).text()
  await expect
    .poll(async () =>
      Number(seriesValue(await metrics(), 'nv_inference_pending_request_count{model="digits",version="1"}')),
    )
    .toBeGreaterThan(0)
  return { calls, resume }
}

test('a server that gets SIGTERM answers the calls that it has, and is UNAVAILABLE to others', async () => {
  const server = await startServer({ ...patient, SPILLWAY_GRPC_PORT: '0' })
  const client = grpcClient(portOf(server))
  const { calls, resume } = await callsInFlight(server, client)
  const code = server.stop()
  await expect.poll(() => server.log.map(({ msg }) => msg)).toContain('SIGTERM: finishing requests in flight')
  const other = grpcClient(portOf(server))
  expect(status[(await other.call('ServerLive')).code]).toBe('UNAVAILABLE')
  expect(status[(await client.call('ServerLive')).code]).toBe('UNAVAILABLE')
  resume()
  expect((await Promise.all(calls)).map((answer) => answer.code)).toEqual(new Array(20).fill(0))
  expect(await code).toBe(0)
  expect(server.errorOutput()).toBe('')
  client.close()
  other.close()
})

test('calls that are left after the drain time are UNAVAILABLE, with the time after which to try again', async () => {
  const server = await startServer({ ...patient, SPILLWAY_GRPC_PORT: '0', SPILLWAY_DRAIN_SECONDS: '1' })
  const client = grpcClient(portOf(server))
  const { calls } = await callsInFlight(server, client)
  const code = server.stop()
  for (const answer of await Promise.all(calls)) {
    expect(status[answer.code]).toBe('UNAVAILABLE')
    expect(answer.metadata).toMatchObject({
      'spillway-error': 'server_draining',
      'grpc-retry-pushback-ms': '1000',
    })
  }
  expect(await code).toBe(0)
  client.close()
})
