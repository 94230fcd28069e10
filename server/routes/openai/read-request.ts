import type { Context } from 'hono'
import type { Clock } from '../../../models/async/clock.ts'
import type { RequestKind, RequestOf } from '../../../workers/host/text/openai/check-body.ts'
import { templateArgumentsOf } from '../../../workers/host/text/openai/template-arguments.ts'
import {
  type PreparedText,
  promptRequest,
  type RequestedText,
  withPrompt,
} from '../../../workers/host/text/openai/text-requests.ts'
import type { PromptRequest, ReadPrompt } from '../../../workers/host/text/tokenizer/prompt.ts'
import type { TemplateArguments, Tokenizer } from '../../../workers/host/text/types.ts'
import { turnOptions } from '../../auth/turn-options.ts'
import { disconnectSignal } from '../../http/disconnect-signal.ts'
import { readBody } from '../../http/read-body.ts'
import type { Variables } from '../../http/request-log.ts'
import { readRequestTimeout } from '../../http/request-timeout.ts'
import type { RequestWait } from '../../inference/request-wait.ts'
import { jobOf } from '../../offload/job-of.ts'
import type { Offload } from '../../offload/offload.ts'
import type { ForwardedRequest } from '../../upstream/openai/forwarded-request.ts'
import { parseRequest, type TextBounds } from './parse-request.ts'

/** A shorter body is parsed on the server's own thread: a message would cost more. */
const mostParsedHere = 65_536

export interface ReadOptions {
  readonly maxBodyBytes: number
  readonly bounds: TextBounds
  readonly offload: Offload
  /** Milliseconds that a request may take from its arrival to its answer; its header `Request-Timeout` may shorten them. */
  readonly deadlineMs: number
  readonly clock: Clock
}

/** A request, and how it waits from its arrival on. */
export interface ArrivedRequest<K extends RequestKind> {
  readonly request: RequestOf[K] | ForwardedRequest
  readonly wait: RequestWait
}

/** @throws SpillwayError As `readRequestTimeout`, `readBody`, `parseRequest` and `Offload.run` do. */
export async function readRequest<K extends RequestKind>(
  c: Context<{ Variables: Variables }>,
  { maxBodyBytes, bounds, offload, deadlineMs, clock }: ReadOptions,
  kind: K,
): Promise<ArrivedRequest<K>> {
  const timeoutMs = readRequestTimeout(c) ?? deadlineMs
  const body = await readBody(c, maxBodyBytes, {
    arriving: { bodies: offload.arriving, caller: turnOptions(c) },
  })
  const wait = {
    signal: disconnectSignal(c),
    ...turnOptions(c),
    requestId: c.get('requestId'),
    span: c.get('span'),
    askedAt: clock.now(),
    deadlineMs: Math.min(timeoutMs, deadlineMs),
  }
  if (body.length <= mostParsedHere) return { request: parseRequest(kind, body, bounds), wait }
  const task = { kind, body, bounds }
  const request = (await offload.run('readText', task, jobOf(wait, [body]))) as
    | RequestOf[K]
    | ForwardedRequest
  return { request, wait }
}

/** Reads prompts, off the server's thread where they are long. */
export type ReadPrompts = (
  prompts: readonly PromptRequest[],
  templateArguments?: TemplateArguments,
) => Promise<readonly ReadPrompt[]>

/** @param texts All with the same template arguments. @throws SpillwayError As `templateArgumentsOf`. */
export async function prepareTexts(
  texts: readonly RequestedText[],
  readPrompts: ReadPrompts,
  tokenizer: Tokenizer,
): Promise<PreparedText[]> {
  const [first] = texts
  const prompts = await readPrompts(texts.map(promptRequest), first && templateArgumentsOf(first, tokenizer))
  return prompts.flatMap((prompt, index) => {
    const text = texts[index]
    return text ? [withPrompt(text, prompt)] : []
  })
}
