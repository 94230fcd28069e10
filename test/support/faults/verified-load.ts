import { once } from 'node:events'
import { Agent, type IncomingMessage, request } from 'node:http'
import { text } from 'node:stream/consumers'

/** How requests of a load have settled. */
export interface Outcomes {
  /** Runs and texts whose answers were theirs and right. */
  readonly answered: number
  /** Refusals that said when to ask again; the same request was asked for again then. */
  readonly postponed: number
  /** Runs and texts that failed, by status and code, or by what their connection said. */
  readonly failed: Readonly<Record<string, number>>
  /** Answers of another request, or with wrong values. */
  readonly wrong: readonly string[]
  /** Requests that were not settled in time. */
  readonly lost: number
  /** Bytes that came after an answer's end, without a request. */
  readonly doubled: number
}

export interface VerifiedLoad {
  /** Resolves when all requests in flight now have settled. */
  settled(): Promise<unknown>
  /** Sends no more; resolves when all have settled. */
  stop(): Promise<Outcomes>
}

const values = [0, 0.25, 0.5, 1]

/** That lanes run, and that an upstream runs. */
const models = ['digits', 'there']

/** Milliseconds within which each request has to settle. */
const withinMs = 60_000

/** Milliseconds from an answer to the next request of the same caller. */
const pauseMs = 20

const pathOf = (model: string) => `v2/models/${model}/infer`

const inferBody = (id: string, value: number) =>
  JSON.stringify({
    id,
    inputs: [{ name: 'image', datatype: 'FP32', shape: [1, 1, 28, 28], data: new Array(784).fill(value) }],
  })

/** Whose texts have no two tokens that are about as likely: sums differ a little by what shares a step. */
const prompts = ['To', 'Now', 'The']

const textBody = (index: number) =>
  JSON.stringify({
    ...{ model: 'bard', prompt: prompts[index % prompts.length], max_tokens: 24, temperature: 0 },
    ...{ ignore_eos: true, stream: index % 2 === 0 },
  })

/** Asks for runs and texts whose answers are known, each with an id of its own. */
export async function startVerifiedLoad(url: URL, callers = 12, writers = 4): Promise<VerifiedLoad> {
  const agent = new Agent({ keepAlive: true })
  const inFlight = new Set<Promise<unknown>>()
  let [isStopped, sent, answered, postponed, lost, doubled] = [false, 0, 0, 0, 0, 0]
  const failed: Record<string, number> = {}
  const wrong: string[] = []
  // A connection without a request gets nothing.
  const unasked = () => doubled++
  agent.on('free', (socket) => socket.on('data', unasked))

  /** Asks again when the server has said to, as clients do. */
  const ask = async (path: string, body: string): Promise<Answer> => {
    const signal = AbortSignal.timeout(withinMs)
    for (;;) {
      const answer = await post(path, body, signal)
      if (answer.retryAfterMs === undefined || signal.aborted) return answer
      postponed++
      await new Promise((resolve) => setTimeout(resolve, answer.retryAfterMs))
    }
  }

  const post = async (path: string, body: string, signal: AbortSignal): Promise<Answer> => {
    const made = request(new URL(path, url), { method: 'POST', agent, signal })
    made.once('socket', (socket) => socket.off('data', unasked))
    made.end(body)
    const [response] = (await once(made, 'response')) as [IncomingMessage]
    const { statusCode = 0, headers } = response
    const answer = await text(response)
    return {
      status: statusCode,
      code: String(headers['spillway-error'] ?? ''),
      body: answer,
      retryAfterMs: retryOf(headers['retry-after'], answer),
    }
  }

  const logitsOf = new Map<string, readonly number[]>()
  for (const model of models)
    for (const value of values) {
      const { body } = await ask(pathOf(model), inferBody('first', value))
      logitsOf.set(`${model} ${value}`, JSON.parse(body).outputs[0].data)
    }
  const texts: string[] = []
  for (let index = 0; index < prompts.length; index++)
    texts.push(textOf((await ask('v1/completions', textBody(index))).body))

  const isRight = (logits: readonly number[], expected: readonly number[] = []) =>
    logits.length === 10 && logits.every((logit, at) => Math.abs(logit - (expected[at] ?? Number.NaN)) < 1e-3)

  const run = async (model: string) => {
    const id = `run-${sent++}`
    const value = values[sent % values.length] ?? 0
    const answer = await ask(pathOf(model), inferBody(id, value))
    if (answer.status !== 200) return count(failed, `${answer.status} ${answer.code}`)
    const { id: echoed, outputs } = JSON.parse(answer.body)
    if (echoed === id && isRight(outputs[0].data, logitsOf.get(`${model} ${value}`))) answered++
    else wrong.push(`${id} got ${answer.body.slice(0, 200)}`)
  }

  const write = async () => {
    const index = sent++
    const answer = await ask('v1/completions', textBody(index))
    if (answer.status !== 200) return count(failed, `${answer.status} ${answer.code}`)
    const written = textOf(answer.body)
    if (written === texts[index % prompts.length]) answered++
    else
      wrong.push(
        `Text ${index} is ${JSON.stringify(written)}, and was ${JSON.stringify(texts[index % prompts.length])}: ${answer.body.slice(-300)}`,
      )
  }

  const loop = async (work: () => Promise<unknown>) => {
    while (!isStopped) {
      const settling = work().catch((cause: Error) => {
        if (cause.name === 'AbortError' || cause.name === 'TimeoutError') lost++
        else count(failed, cause.message)
      })
      inFlight.add(settling)
      await settling
      inFlight.delete(settling)
      await new Promise((resolve) => setTimeout(resolve, pauseMs))
    }
  }
  const loops = [
    ...Array.from({ length: callers }, (_, caller) => loop(() => run(models[caller % models.length] ?? ''))),
    ...Array.from({ length: writers }, () => loop(write)),
  ]
  return {
    settled: () => Promise.all(inFlight),
    stop: async () => {
      isStopped = true
      await Promise.all(loops)
      agent.destroy()
      return { answered, postponed, failed, wrong, lost, doubled }
    },
  }
}

interface Answer {
  readonly status: number
  readonly code: string
  readonly body: string
  readonly retryAfterMs: number | undefined
}

/** Of a refusal, or of the error that ends a stream. */
function retryOf(header: string | undefined, body: string): number | undefined {
  if (header !== undefined) return 1_000 * Number(header)
  const ms = /"retry_after_ms":(\d+)/.exec(body)?.[1]
  return ms === undefined ? undefined : Number(ms)
}

const count = (counts: Record<string, number>, name: string): void => {
  counts[name] = (counts[name] ?? 0) + 1
}

interface Completion {
  readonly choices?: readonly { readonly text?: string }[]
}

/** The text of a completion, streamed or not. */
function textOf(body: string): string {
  // A comment comes first where the first event was waited for.
  const events = /^(?:data)?:/.test(body)
    ? body
        .split('\n\n')
        .flatMap((event) => (event.startsWith('data: {') ? [event.slice('data: '.length)] : []))
    : [body]
  return events.map((event) => (JSON.parse(event) as Completion).choices?.[0]?.text ?? '').join('')
}
