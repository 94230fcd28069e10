import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { delimiter, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { messageOf } from '../../models/core/index.ts'
import { errorCodeHeader, queueHeader } from '../../models/protocols/oip.ts'
import { isAlive, startServer, type TestServer } from '../support/server.ts'
import { copyDigits, emptyFolder } from '../support/test-models.ts'

const request = (rows = 1) => ({
  method: 'POST',
  body: JSON.stringify({
    inputs: [
      { name: 'image', datatype: 'FP32', shape: [rows, 1, 28, 28], data: new Array(rows * 784).fill(0.5) },
    ],
  }),
})
const infer = (url: URL, model = 'digits') => new URL(`v2/models/${model}/infer`, url)

/** Suspended lanes make runs look long: without this, admission refuses some of the requests on a slow machine. */
const patient = { SPILLWAY_BURST_MS: '60000' }

/** Sends requests of which some are in suspended lanes and the others wait. */
async function inFlight(server: TestServer) {
  const url = infer(server.url)
  // From this run on the server can estimate its queue: a run of one row would say too little about a thousand.
  expect((await fetch(url, request(1_000))).status).toBe(200)
  const resume = server.freezeLanes()
  const answers = Promise.all([1, 2, 3].map(() => fetch(url, request(1_000))))
  // Every answer reports the queue, also that to a bad request.
  const queueMs = async () => (await fetch(url, { method: 'POST', body: '{' })).headers.get(queueHeader)
  await expect.poll(async () => Number(await queueMs()), { interval: 5 }).toBeGreaterThan(0)
  return { answers, resume }
}

async function expectAnswers(answers: Promise<readonly Response[]>): Promise<void> {
  for (const answer of await answers) {
    expect(answer.status, await answer.clone().text()).toBe(200)
    expect((await answer.json()).outputs[0].shape).toEqual([1_000, 10])
  }
}

describe('the server process', () => {
  test('loses no request when its lanes are killed with kill -9 in the middle of a run', async () => {
    const server = await startServer(patient)
    const { answers } = await inFlight(server)
    for (const pid of server.lanes()) process.kill(pid, 'SIGKILL')
    await expectAnswers(answers)
    expect(await server.stop()).toBe(0)
  })

  test('finishes requests in flight at SIGTERM, ends its lanes and exits with 0', async () => {
    const server = await startServer(patient)
    const { answers, resume } = await inFlight(server)
    const lanes = server.lanes()
    const code = server.stop()
    await expect
      .poll(() => server.log.map(({ msg }) => msg))
      .toContain('SIGTERM: finishing requests in flight')
    resume()
    await expectAnswers(answers)
    expect(await code).toBe(0)
    for (const pid of lanes) await expect.poll(() => isAlive(pid), { timeout: 10_000 }).toBe(false)
    expect(server.log.map(({ msg }) => msg)).not.toContain('Lane died')
  })

  test('leaves no lane behind when it is killed', async () => {
    const server = await startServer()
    const lanes = server.lanes()
    expect(lanes.length).toBeGreaterThan(0)
    process.kill(server.pid, 'SIGKILL')
    for (const pid of lanes) {
      await expect.poll(() => isAlive(pid), { timeout: 10_000 }).toBe(false)
    }
  })

  test('writes nothing to stderr beside a request of many texts, or pipelined requests', async () => {
    const server = await startServer()
    const texts = { model: 'bard', prompt: 'a', max_tokens: 2, n: 20 }
    const response = await fetch(new URL('v1/completions', server.url), {
      method: 'POST',
      body: JSON.stringify(texts),
    })
    expect((await response.json()).choices).toHaveLength(20)
    const body = JSON.stringify({ ...texts, n: 1 })
    const request = `POST /v1/completions HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n${body}`
    const socket = connect(Number(server.url.port), server.url.hostname)
    socket.write(request.repeat(20))
    let answers = ''
    socket.on('data', (part) => {
      answers += part
    })
    await expect.poll(() => answers.split('HTTP/1.1 200').length - 1).toBe(20)
    socket.destroy()
    expect(await server.stop()).toBe(0)
    expect(server.errorOutput()).toBe('')
  })

  test('exits though nobody reads its log any more', async () => {
    const server = await startServer()
    server.deafen()
    expect(await server.stop()).toBe(0)
  })

  test('exits at once while idle connections are open', async () => {
    // Requests in flight would have longer than this test.
    const server = await startServer({ SPILLWAY_DRAIN_SECONDS: '600' })
    const idle = connect(Number(server.url.port), '127.0.0.1')
    await once(idle, 'connect')
    idle.on('error', () => undefined)
    expect(await server.stop()).toBe(0)
  })

  test('never runs altered or truncated model files, reports them, and serves other models', async () => {
    const damage = async (id: string, change: (bytes: Buffer) => Uint8Array) => {
      const folder = await copyDigits((manifest) => ({ ...manifest, id }))
      const file = join(folder, id, 'q8', 'model.onnx')
      await writeFile(file, change(await readFile(file)))
      return folder
    }
    const folders = [
      await damage('altered', (bytes) => bytes.fill(7, 100, 101)),
      await damage('truncated', (bytes) => bytes.subarray(0, 1_000)),
    ]
    const server = await startServer({ SPILLWAY_MODELS: folders.join(delimiter) })
    for (const [id, code, message] of [
      ['altered', 'file_altered', 'expected SHA-256'],
      ['truncated', 'file_truncated', 'got 1000'],
    ] as const) {
      expect((await fetch(new URL(`v2/models/${id}/ready`, server.url))).status).toBe(503)
      const response = await fetch(infer(server.url, id), request())
      expect(response.status).toBe(500)
      expect(response.headers.get(errorCodeHeader)).toBe(code)
      expect((await response.json()).error).toContain(message)
    }
    expect((await fetch(infer(server.url), request())).status).toBe(200)
    await server.stop()
  })

  test('does not start with invalid variables, and reports each', async () => {
    const failure = startServer({
      PORT: '99999',
      SPILLWAY_BACKEND: 'abacus',
      SPILLWAY_KEEP_ALIVE_SECONDS: 'long',
      SPILLWAY_MODEL: '/models',
      SPILLWAY_MAX_QUEUED: '0',
    }).catch(messageOf)
    for (const name of ['PORT', 'SPILLWAY_BACKEND', 'SPILLWAY_KEEP_ALIVE_SECONDS', 'SPILLWAY_MAX_QUEUED'])
      expect(await failure).toContain(`The environment variable ${name} is invalid`)
    expect(await failure).toContain('There is no environment variable SPILLWAY_MODEL: expected PORT, HOST,')
  })

  test.each([
    [{ HOST: '0.0.0.0' }, 'Everybody who reaches 0.0.0.0 could use this server'],
    [{ SPILLWAY_BACKEND: 'cuda' }, 'The backend "cuda" does not work on this machine'],
    [{ SPILLWAY_MODELS: '/nowhere' }, 'The model folder /nowhere cannot be read'],
  ])('does not start with %o, and reports why', async (env, message) => {
    await expect(startServer(env)).rejects.toThrow(message)
  })

  test('starts without a model that has an invalid manifest, and says so', async () => {
    const folder = await emptyFolder()
    await writeFile(join(folder, 'manifest.json'), '{"schema": 1}')
    const server = await startServer({ SPILLWAY_MODELS: folder })
    const fault = server.log.find(({ msg }) => msg === `${folder} has a fault: its model is not offered`)
    expect(JSON.stringify(fault)).toContain('is not valid at id')
    expect((await fetch(new URL('v2/models/digits/ready', server.url))).status).toBe(200)
    expect(await server.stop()).toBe(0)
  })

  test('reports every fault of its configuration and of its models at once', async () => {
    const folder = await emptyFolder()
    const config = join(folder, 'spillway.config.json')
    await writeFile(config, JSON.stringify({ slots: 0, maxQueue: 5 }))
    const faults = ['"slots" in', 'has no setting "maxQueue"', 'The environment variable PORT is invalid']
    const failure = startServer({ SPILLWAY_CONFIG: config, PORT: 'x' }).catch(messageOf)
    for (const fault of faults) expect(await failure).toContain(fault)

    await writeFile(join(folder, 'manifest.json'), '{"schema": 1}')
    const models = startServer({ SPILLWAY_MODELS: `${folder}:/nowhere` }).catch(messageOf)
    expect(await models).toContain('is not valid at id')
    expect(await models).toContain('The model folder /nowhere cannot be read')
  })

  test('takes its settings from a configuration file', async () => {
    const folder = await emptyFolder()
    const config = join(folder, 'server.json')
    await writeFile(config, JSON.stringify({ maxBodyBytes: 1_000 }))
    const server = await startServer({ SPILLWAY_CONFIG: config })
    expect((await fetch(infer(server.url), request())).status).toBe(413)
    await server.stop()
  })

  test('listens on every address where it is opened', async () => {
    const server = await startServer({ HOST: '0.0.0.0', SPILLWAY_OPEN: '1' })
    expect((await fetch(infer(server.url), request())).status).toBe(200)
    await server.stop()
  })
})

describe('a server process that goes on', () => {
  let server: TestServer
  beforeAll(async () => {
    server = await startServer()
  })
  afterAll(() => server.stop())

  test('drops a request whose client has left, and answers others', async () => {
    const resume = server.freezeLanes()
    const { body } = request(2_000)
    const socket = connect(Number(server.url.port), '127.0.0.1')
    socket.write(`POST /v2/models/digits/infer HTTP/1.1\r\nhost: x\r\ncontent-length: ${body.length}\r\n\r\n`)
    // The client leaves when about all of the request has arrived.
    socket.write(body, () => setTimeout(() => socket.destroy(), 20))
    await expect
      .poll(() => server.log, { timeout: 30_000 })
      .toContainEqual(expect.objectContaining({ status: 499, code: 'aborted' }))
    resume()
    expect((await fetch(infer(server.url), request())).status).toBe(200)
  })

  test('refuses a request for the same output many times', async () => {
    const { inputs } = JSON.parse(request(1_000).body)
    const outputs = new Array(5_000).fill({ name: 'logits' })
    const response = await fetch(infer(server.url), {
      method: 'POST',
      body: JSON.stringify({ inputs, outputs }),
    })
    expect(response.status).toBe(400)
    expect((await response.json()).error).toContain('each once')
  })

  test('refuses a body over its limit without a content length', async () => {
    const part = new Uint8Array(2 ** 20).fill(32)
    const endless = new ReadableStream({ pull: (controller) => controller.enqueue(part) })
    const response = await fetch(infer(server.url), {
      method: 'POST',
      body: endless,
      duplex: 'half',
    } as RequestInit)
    expect(response.status).toBe(413)
    expect(response.headers.get(errorCodeHeader)).toBe('body_too_large')
    await response.text()
  })

  test('does not start where its port is taken', async () => {
    await expect(startServer({ PORT: server.url.port })).rejects.toThrow('EADDRINUSE')
  })

  test('logs one line for each request, with the model and the time', async () => {
    await (await fetch(infer(server.url), request(3))).text()
    await (await fetch(infer(server.url, 'cats'), request())).text()
    await expect
      .poll(() => server.log)
      .toContainEqual(
        expect.objectContaining({
          msg: 'request',
          method: 'POST',
          status: 200,
          model: 'digits',
          rows: 3,
          ms: expect.any(Number),
        }),
      )
    await expect
      .poll(() => server.log)
      .toContainEqual(expect.objectContaining({ status: 404, code: 'model_unknown' }))
  })
})
