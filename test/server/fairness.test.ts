import { expect, test } from 'vitest'
import { startServer, type TestServer } from '../support/server.ts'

const infer = async (
  server: TestServer,
  key: string,
  model = 'digits',
  size = [1, 1, 28, 28],
  parameters?: object,
) => {
  const elements = size.reduce((product, one) => product * one)
  const input = model === 'digits' ? 'image' : 'features'
  const response = await fetch(new URL(`v2/models/${model}/infer`, server.url), {
    method: 'POST',
    headers: { authorization: `Bearer ${key}` },
    body: JSON.stringify({
      parameters,
      inputs: [{ name: input, datatype: 'FP32', shape: size, data: new Array(elements).fill(0.5) }],
    }),
  })
  return {
    status: response.status,
    code: response.headers.get('spillway-error'),
    body: await response.text(),
  }
}

test('a full queue refuses its caller and model, and takes others', async () => {
  const server = await startServer({
    SPILLWAY_MAX_QUEUED: '4',
    // The lanes stay frozen for as long as this machine takes.
    SPILLWAY_HUNG_SECONDS: '600',
  })
  try {
    const resume = server.freezeLanes()
    const lanes = server.lanes().length
    const metadata = await (await fetch(new URL('v2/models/transactions', server.url))).json()
    const size = metadata.inputs[0].shape.map((length: number) => (length === -1 ? 1 : length))
    let refused = 0
    // Some are in lanes; the others wait, or are refused.
    const many = Array.from({ length: lanes + 4 + 6 }, async () => {
      const answer = await infer(server, 'many')
      if (answer.status !== 200) refused++
      return answer
    })
    expect(await Promise.any(many)).toMatchObject({ status: 503, code: 'overloaded' })
    expect(await infer(server, 'many')).toMatchObject({ status: 503, code: 'overloaded' })
    await expect.poll(() => refused).toBeGreaterThanOrEqual(6)
    const before = refused
    const one = infer(server, 'one')
    // One of them gives its place to the other caller, whose request waits now.
    await expect.poll(() => refused).toBe(before + 1)
    // A request for another model is not refused: it waits until its deadline, and the next one for the lanes.
    const timeout = { timeout: 200_000 }
    expect(await infer(server, 'many', 'transactions', size, timeout)).toMatchObject({
      code: 'deadline_exceeded',
    })
    const others = [one, infer(server, 'many', 'transactions', size)]
    resume()
    expect((await Promise.all(others)).map(({ status }) => status)).toEqual([200, 200])
    const statuses = (await Promise.all(many)).map(({ status }) => status)
    expect(statuses.filter((status) => status === 503)).toHaveLength(before + 1)
    expect(statuses).toContain(200)
  } finally {
    await server.stop()
  }
})

test('a request for more texts than find a place leaves none behind', async () => {
  const server = await startServer({ SPILLWAY_MAX_QUEUED: '40' })
  try {
    const complete = (n: number) =>
      fetch(new URL('v1/completions', server.url), {
        method: 'POST',
        body: JSON.stringify({ model: 'bard', prompt: 'To', n, max_tokens: 4 }),
      })
    expect((await complete(16)).status).toBe(200)
    const waits = complete(40)
    const refused = await complete(41)
    expect([refused.status, (await refused.json()).error.code]).toEqual([429, 'overloaded'])
    expect((await waits).status).toBe(200)
    const metrics = await (await fetch(new URL('metrics', server.url))).text()
    expect(metrics).toMatch(/vllm:num_requests_waiting\{model_name="bard"\} 0/)
    expect(metrics).toMatch(/vllm:num_requests_running\{model_name="bard"\} 0/)
  } finally {
    await server.stop()
  }
})
