import type { ErrorCode, SpillwayError } from '../../models/core/index.ts'

const missing = 'The server does not have this model'
const damaged = "The server's copy of the model is damaged"
const busy = 'There are too many requests at once. Try again in a moment.'
const stopped = 'The model stopped unexpectedly'
const page = 'Something went wrong on this page'

/** What a visitor is told. The error's own message is for developers. */
const words: Readonly<Partial<Record<ErrorCode, string>>> = {
  model_unknown: missing,
  file_missing: missing,
  manifest_invalid: damaged,
  file_truncated: damaged,
  file_altered: damaged,
  model_invalid: damaged,
  access_denied: 'The server does not give this page the model',
  unauthenticated: 'This server wants a key, and this page has none. Choose Device.',
  server_unreachable: 'The server cannot be reached. Check the network, or choose Device.',
  server_timeout: 'The server takes too long to answer. Try again later, or choose Device.',
  server_response_invalid: 'The server gave an answer that this page does not understand',
  server_draining: 'The server is restarting. Try again in a moment.',
  server_absent: 'The device cannot run the model, and this page has no server',
  overloaded: busy,
  rate_limited: busy,
  deadline_exceeded: busy,
  capacity_insufficient: 'This device cannot run the model. Choose Auto or Server.',
  memory_exhausted: 'This device has too little memory for the model. Close other pages, or choose Server.',
  lane_lost: stopped,
  lane_failed: stopped,
  poisoned: stopped,
  run_failed: stopped,
  context_exceeded: 'The text is too long for the model',
}

export const errorWords = (code: ErrorCode): string => words[code] ?? page

/** Codes of the page's and the visitor's own mistakes: their messages say what to do, to either. */
const plain: readonly ErrorCode[] = ['input_value_invalid', 'not_supported', 'access_denied']

/** What a visitor is told where a file or a camera may be at fault. */
export const faultWords = (error: SpillwayError): string =>
  plain.includes(error.code) ? error.message : errorWords(error.code)
