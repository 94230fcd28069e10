import { SpillwayError } from '../error.ts'
import type { Answer } from './exchange.ts'
import { type HubReference, showReference } from './reference.ts'

/** What the hub means by an answer that is not the one that was asked for. */
export function refusal(
  { status, headers }: Answer,
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

function overloaded(endpoint: URL, headers: Headers): SpillwayError {
  const seconds = Number(headers.get('retry-after'))
  return new SpillwayError('overloaded', `${endpoint.origin} has too many requests`, {
    ...(seconds > 0 ? { retryAfterMs: seconds * 1000 } : {}),
    hint: 'Try again later; with a token (HF_TOKEN) more are allowed.',
  })
}
