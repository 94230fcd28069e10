import { SpillwayError } from '../models/core/index.ts'

/** What requests may ask for. Every limit can be set; see config.ts. */
export interface RequestLimits {
  readonly json: {
    /** Levels of lists and objects. */
    readonly depth: number
    /** Members of objects, and elements of lists other than tensors and prompts. */
    readonly entries: number
    /** Lists within nested tensors. */
    readonly lists: number
  }
  /** Strings of one input: decoding them and sending them to a lane takes the server's own time. */
  readonly strings: number
  /** Rows of one infer request, and texts to embed: they run one batch after another, while others wait. */
  readonly maxRows: number
  /** Milliseconds for an infer request that sets no timeout. */
  readonly timeoutMs: number
  /** The longest timeout, in milliseconds; texts have it. */
  readonly maxTimeoutMs: number
  /** Texts that one request may ask for: they are in memory together. */
  readonly maxChoices: number
}

export const requestLimits: RequestLimits = {
  json: { depth: 64, entries: 50_000, lists: 1_000_000 },
  strings: 100_000,
  maxRows: 16_384,
  timeoutMs: 30_000,
  maxTimeoutMs: 600_000,
  maxChoices: 128,
}

/**
 * @param param The parameter that holds the rows, as OpenAI's API names it.
 * @throws SpillwayError `body_too_large`: of another limit, such as the device's, the request may be within.
 */
export function checkRows(rows: number, { maxRows }: Pick<RequestLimits, 'maxRows'>, param?: string): void {
  if (rows <= maxRows) return
  throw new SpillwayError('body_too_large', 'The request has too many rows', {
    expected: `at most ${maxRows}`,
    got: `${rows}`,
    hint: 'Send them in several requests, or raise SPILLWAY_MAX_ROWS.',
    ...(param !== undefined && { param }),
  })
}
