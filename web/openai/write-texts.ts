import { SpillwayError } from '../../models/core/index.ts'
import type { ResponseRequest } from '../../models/protocols/openai-responses.ts'
import { AnswerEvents, completeAnswer, type TextsAnswer } from '../../workers/host/text/openai/answers.ts'
import { chatShape, completionShape } from '../../workers/host/text/openai/api-shape.ts'
import { type ChoicePart, collectTexts, mergeByArrival } from '../../workers/host/text/openai/choices.ts'
import { beginResponse, wholeResponse } from '../../workers/host/text/openai/response-answer.ts'
import { ResponseEvents } from '../../workers/host/text/openai/response-events.ts'
import { eventWithOutputText, withOutputText } from './output-text.ts'
import type { StartedTexts, TextsRequest } from './start-texts.ts'
import type { OpenAiStream } from './types.ts'

/** The answer once all texts have ended. */
export async function wholeAnswer(request: TextsRequest, started: StartedTexts): Promise<object> {
  if ('input' in request) {
    const answer = beginResponse(request)
    const { results } = await collectTexts(started.choices, () => {})
    return withOutputText(wholeResponse(answer, started.choices, results))
  }
  const { tokens, results } = await collectTexts(started.choices, () => {})
  return completeAnswer(await textsAnswer(request, started), results, tokens)
}

type ChoicesRequest = Exclude<TextsRequest, { readonly input: unknown }>

const textsAnswer = async (
  request: ChoicesRequest,
  { choices, naming, placement }: StartedTexts,
): Promise<TextsAnswer> => ({
  model: request.model,
  choices,
  shape: 'messages' in request ? chatShape(request, naming) : completionShape(request, naming),
  executedOn: await placement(),
})

/** The events of an answer. */
interface TextEvents {
  /** Before the texts. */
  begin(): readonly object[]
  ofPart(part: ChoicePart): readonly object[]
  /** After the texts. */
  end(): Promise<readonly object[]>
  /** The last event of an answer that fails. Absent where the stream itself throws. */
  failed?(error: SpillwayError): object
}

async function choiceEvents(request: ChoicesRequest, started: StartedTexts): Promise<TextEvents> {
  const includesUsage = request.stream_options?.include_usage === true
  const events = new AnswerEvents(await textsAnswer(request, started), includesUsage)
  return {
    begin: () => events.begin(),
    ofPart: (part) => events.ofPart(part),
    end: () => events.end(),
  }
}

function responseEvents(request: ResponseRequest): TextEvents {
  const events = new ResponseEvents(request)
  return {
    begin: () => events.begin().map(eventWithOutputText),
    ofPart: (part) => events.ofPart(part).map(eventWithOutputText),
    end: async () => [],
    failed: (error) => eventWithOutputText(events.failed(error)),
  }
}

export interface StreamOptions {
  /** Ends the texts. */
  readonly controller: AbortController
  /** Called at the end of the stream. */
  readonly release: () => void
}

/** The answer's events, once the first text has begun: a failure before that rejects the call, as a server's status does. */
export async function streamTexts(
  request: TextsRequest,
  started: StartedTexts,
  { controller, release }: StreamOptions,
): Promise<OpenAiStream<object>> {
  const parts = mergeByArrival(started.choices)
  const first = await parts.next()
  const events = 'input' in request ? responseEvents(request) : await choiceEvents(request, started)
  const iterator = eventsOf(events, first, parts, controller, release)
  return { controller, [Symbol.asyncIterator]: () => iterator }
}

async function* eventsOf(
  events: TextEvents,
  first: IteratorResult<ChoicePart>,
  parts: AsyncGenerator<ChoicePart>,
  { signal }: AbortController,
  release: () => void,
): AsyncGenerator<object> {
  try {
    yield* events.begin()
    for (let part = first; !part.done; part = await parts.next()) {
      // As OpenAI's stream: who aborts it gets nothing more, and no error.
      if (signal.aborted) return
      yield* events.ofPart(part.value)
    }
    yield* await events.end()
  } catch (cause) {
    if (signal.aborted) return
    if (!events.failed) throw cause
    yield events.failed(SpillwayError.from(cause, 'internal', 'The text broke off'))
  } finally {
    release()
    await parts.return(undefined)
  }
}
