import { SpillwayError } from '../../../models/core/index.ts'
import { replaceMembers } from '../../http/json-members.ts'
import type { ReplicaCall } from '../call.ts'
import { bySignal, type UpstreamResponse } from '../exchange.ts'
import { asCompletion, isOfResponse } from './response-fields.ts'

/** A whole answer of an engine, as it is sent to the client. */
export interface ForwardedAnswer {
  readonly body: string
  /** What is counted of it. */
  readonly fields: {
    readonly choices: readonly { readonly index: unknown; readonly finish_reason: unknown }[]
    readonly usage: unknown
  }
}

/**
 * An engine's answer under the model's id on this server.
 *
 * @throws SpillwayError `server_response_invalid`.
 */
export function rewriteAnswer(model: string, answer: Uint8Array): ForwardedAnswer {
  const json = new TextDecoder().decode(answer)
  const answered = parse(model, json)
  const value: { choices?: unknown; usage?: unknown } = isOfResponse(answered)
    ? asCompletion(answered)
    : answered
  return {
    body: replaceMembers(json, 'model' in answered ? { model: JSON.stringify(model) } : {}),
    fields: {
      choices: Array.isArray(value.choices)
        ? value.choices.map(({ index, finish_reason }: { index?: unknown; finish_reason?: unknown }) => ({
            index,
            finish_reason,
          }))
        : [],
      usage: value.usage,
    },
  }
}

function parse(model: string, json: string): Readonly<Record<string, unknown>> {
  let value: unknown
  try {
    value = JSON.parse(json)
  } catch {
    // The error below says it.
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value }
  throw new SpillwayError('server_response_invalid', `The engine of ${model} sent an invalid answer`, {
    expected: 'a JSON object',
    got: json.slice(0, 60),
  })
}

/** The longest answer, in bytes: it is in memory whole. */
const longestAnswer = 256 * 2 ** 20

/** @throws SpillwayError `server_unreachable` where it breaks off, `server_response_invalid` where it is too long. */
export async function readAnswer(
  model: string,
  { url, body }: UpstreamResponse,
  call: ReplicaCall,
): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  let length = 0
  await bySignal(url, call.signal, async () => {
    for await (const part of body) {
      call.heard()
      length += part.length
      if (length > longestAnswer) throw tooLong(model)
      parts.push(part)
    }
  })
  return Buffer.concat(parts)
}

const tooLong = (model: string) =>
  new SpillwayError('server_response_invalid', `The engine of ${model} sent too long an answer`, {
    expected: `at most ${longestAnswer} bytes`,
    got: 'more',
  })
