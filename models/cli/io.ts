/** Where a command writes; tests pass their own. */
export interface Io {
  /** Writes the result. */
  out(text: string): void
  /** Writes errors and progress. */
  err(text: string): void
  /** Whether each of the two is a terminal. */
  readonly outIsTerminal: boolean
  readonly errIsTerminal: boolean
}

export const processIo: Io = {
  out: (text) => {
    process.stdout.write(text)
  },
  err: (text) => {
    process.stderr.write(text)
  },
  outIsTerminal: process.stdout.isTTY === true,
  errIsTerminal: process.stderr.isTTY === true,
}

export interface Style {
  readonly strong: (text: string) => string
  readonly quiet: (text: string) => string
}

const wrap = (open: number, close: number) => (text: string) => `\u001b[${open}m${text}\u001b[${close}m`

/** Bold and dim in place of colours, which are readable on every background. */
export function styleOf({ outIsTerminal }: Pick<Io, 'outIsTerminal'>): Style {
  if (!outIsTerminal || process.env.NO_COLOR) return { strong: (text) => text, quiet: (text) => text }
  return { strong: wrap(1, 22), quiet: wrap(2, 22) }
}

/** `text` without control characters: a name in an untrusted file must not steer the terminal. */
export const plain = (text: string): string =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters to remove.
  text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, '�')

/** Thrown by a command whose check failed after it has printed the result: the command ends with 1. */
export class CheckFailed extends Error {}
