import { type ErrorCode, isErrorCode, SpillwayError } from '../core/error.ts'
import { errorCodeHeader } from '../protocols/oip.ts'
import { type HttpResponse, readJson } from './fetch-response.ts'
import { type HubReference, showReference } from './reference.ts'

/**
 * The error for a failed response of the hub. It answers 401 for a repository that does not exist, to hide
 * private ones.
 *
 * @param what The thing requested.
 */
export function hubError(
  { status, headers }: HttpResponse,
  reference: HubReference,
  what: string,
  endpoint: URL,
): SpillwayError {
  const { repo, revision } = reference
  const code = headers.get('x-error-code')
  if (code === 'GatedRepo' || ((status === 401 || status === 403) && code !== 'RepoNotFound')) {
    return new SpillwayError(
      'access_denied',
      `Access to ${repo} is denied: ${describeStatus(status, headers)}`,
      {
        hint: `Accept its conditions at ${new URL(repo, endpoint).href}, and pass a token with access to it (HF_TOKEN).`,
      },
    )
  }
  if (code === 'RevisionNotFound')
    return new SpillwayError('model_unknown', `${repo} has no revision "${revision}"`)
  if (code === 'EntryNotFound')
    return new SpillwayError('file_missing', `${showReference(reference)} has no ${what}`)
  if (status === 401 || status === 404) {
    return new SpillwayError('model_unknown', `Repository ${repo} does not exist or is private`, {
      got: describeStatus(status, headers),
      hint: 'Check its name. If it is private, pass a token with access to it (HF_TOKEN).',
    })
  }
  if (status === 429 || status === 503) return overloaded(endpoint, headers)
  return new SpillwayError(
    'server_response_invalid',
    `${endpoint.origin} did not answer for ${what} of ${repo}`,
    {
      expected: 'status 200',
      got: describeStatus(status, headers),
    },
  )
}

const describeStatus = (status: number, headers: Headers): string => {
  const message = headers.get('x-error-message')
  return message ? `status ${status} (${message})` : `status ${status}`
}

/** From a `Retry-After` in seconds. A date is not understood. */
function retryAfter(headers: Headers): { readonly retryAfterMs?: number } {
  const seconds = Number(headers.get('retry-after'))
  return seconds > 0 ? { retryAfterMs: seconds * 1000 } : {}
}

function overloaded(endpoint: URL, headers: Headers): SpillwayError {
  return new SpillwayError('overloaded', `${endpoint.origin} has too many requests`, {
    ...retryAfter(headers),
    hint: 'Try again later. With a token (HF_TOKEN) the limit is higher.',
  })
}

/** The code for a status, on hosts that are not Spillway servers. */
const byStatus: Readonly<Record<number, ErrorCode>> = {
  401: 'access_denied',
  403: 'access_denied',
  404: 'model_unknown',
  410: 'model_unknown',
  429: 'overloaded',
  503: 'overloaded',
}

/** The error for a failed response of a site. A Spillway server sends its own. */
export function siteError(url: URL, response: HttpResponse): SpillwayError {
  const { status, headers } = response
  const header = headers.get(errorCodeHeader)
  if (isErrorCode(header)) {
    const message: unknown = Reflect.get(Object(readJson(url, response)), 'error')
    if (typeof message === 'string')
      return SpillwayError.fromWire({ code: header, message, detail: retryAfter(headers) })
  }
  const code = byStatus[status] ?? 'server_response_invalid'
  return new SpillwayError(code, `${url.origin} did not send ${url.pathname}`, {
    expected: 'status 200',
    got: `status ${status}`,
    ...retryAfter(headers),
    ...(code === 'model_unknown'
      ? { hint: 'Check the name, and the folder of models in which it is looked up.' }
      : {}),
  })
}
