import * as z from 'zod/mini'
import { type ErrorCode, isErrorCode, SpillwayError } from '../core/error.ts'
import { errorCodeHeader } from '../protocols/oip.ts'
import { type HttpResponse, readJson } from './exchange.ts'
import { type HubReference, showReference } from './reference.ts'

/** What the hub means by an answer that is not the one that was asked for. */
export function refusal(
  { status, headers }: HttpResponse,
  reference: HubReference,
  what: string,
  endpoint: URL,
): SpillwayError {
  const { repo, revision } = reference
  const said = headers.get('x-error-code')
  if (said === 'GatedRepo' || ((status === 401 || status === 403) && said !== 'RepoNotFound')) {
    return new SpillwayError('access_denied', `${repo} may not be read: ${told(status, headers)}`, {
      hint: `Accept its conditions at ${new URL(repo, endpoint).href}, and give a token that may read it (HF_TOKEN).`,
    })
  }
  if (said === 'RevisionNotFound')
    return new SpillwayError('model_unknown', `${repo} has no revision "${revision}"`)
  if (said === 'EntryNotFound')
    return new SpillwayError('file_missing', `${showReference(reference)} has no ${what}`)
  if (status === 401 || status === 404) {
    return new SpillwayError('model_unknown', `There is no repository ${repo} that everybody may read`, {
      got: told(status, headers),
      hint: 'Check its name; where it is private, give a token that may read it (HF_TOKEN).',
    })
  }
  if (status === 429 || status === 503) return overloaded(endpoint, headers)
  return new SpillwayError(
    'server_response_invalid',
    `${endpoint.origin} did not answer for ${what} of ${repo}`,
    {
      expected: 'status 200',
      got: told(status, headers),
    },
  )
}

const told = (status: number, headers: Headers): string => {
  const message = headers.get('x-error-message')
  return message ? `status ${status} (${message})` : `status ${status}`
}

/** When to come back, where the answer says it in seconds; as a date it is not read. */
function retryAfter(headers: Headers): { readonly retryAfterMs?: number } {
  const seconds = Number(headers.get('retry-after'))
  return seconds > 0 ? { retryAfterMs: seconds * 1000 } : {}
}

function overloaded(endpoint: URL, headers: Headers): SpillwayError {
  return new SpillwayError('overloaded', `${endpoint.origin} has too many requests`, {
    ...retryAfter(headers),
    hint: 'Try again later; with a token (HF_TOKEN) more are allowed.',
  })
}

/** What the status alone says, on hosts that are no server of ours. */
const byStatus: Readonly<Record<number, ErrorCode>> = {
  401: 'access_denied',
  403: 'access_denied',
  404: 'model_unknown',
  410: 'model_unknown',
  429: 'overloaded',
  503: 'overloaded',
}

const ours = z.object({ error: z.string() })

/** What a site means by an answer that is not what was asked for: in its own words where it is a server of ours. */
export function saidBy(url: URL, answer: HttpResponse): SpillwayError {
  const { status, headers } = answer
  const header = headers.get(errorCodeHeader)
  if (isErrorCode(header)) {
    const parsed = z.safeParse(ours, readJson(url, answer))
    if (parsed.success)
      return SpillwayError.fromWire({ code: header, message: parsed.data.error, detail: retryAfter(headers) })
  }
  const code = byStatus[status] ?? 'server_response_invalid'
  return new SpillwayError(code, `${url.origin} did not give ${url.pathname}`, {
    expected: 'status 200',
    got: `status ${status}`,
    ...retryAfter(headers),
    ...(code === 'model_unknown'
      ? { hint: 'Check the name, and the folder of models that it is looked for in.' }
      : {}),
  })
}
