import { expect, test } from 'vitest'
import { startServer } from '../support/server.ts'

test('requests of a lane that hangs are answered in seconds by another, and the log says why', async () => {
  const server = await startServer({ SPILLWAY_HUNG_SECONDS: '2' })
  const [hung = 0] = server.lanes()
  server.freezeLanes()
  const response = await fetch(new URL('v2/models/digits/infer', server.url), {
    method: 'POST',
    body: JSON.stringify({
      parameters: { timeout: 600_000_000 },
      inputs: [{ name: 'image', datatype: 'FP32', shape: [1, 1, 28, 28], data: new Array(784).fill(0.5) }],
    }),
    // Without signs of life it would be ten minutes.
    signal: AbortSignal.timeout(100_000),
  })
  expect(response.status).toBe(200)
  expect(server.log).toContainEqual(
    expect.objectContaining({ msg: 'Lane died', pid: hung, reason: expect.stringContaining('hung') }),
  )
  const metrics = await (await fetch(new URL('metrics', server.url))).text()
  expect(metrics).toMatch(/^spillway_lane_ends_total\{cause="hung"\} [1-9]/m)
  expect(await server.stop()).toBe(0)
})
