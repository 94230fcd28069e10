/** Where a command's words go; tests put their own. */
export interface Io {
  /** What the command was asked for. */
  out(text: string): void
  /** What it says beside that. */
  err(text: string): void
  /** Whether a person reads the one and the other. */
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

/** Weight instead of colour: it reads on every background. */
export function styleOf({ outIsTerminal }: Pick<Io, 'outIsTerminal'>): Style {
  if (!outIsTerminal || process.env.NO_COLOR) return { strong: (text) => text, quiet: (text) => text }
  return { strong: wrap(1, 22), quiet: wrap(2, 22) }
}

/** Names come out of files that anyone may have made: none of them steers the terminal. */
export const plain = (text: string): string =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: it is these that must not get through.
  text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, '�')

/** Thrown by a command that found what it checks for, and has said so: it ends with 1, and nothing more is said. */
export class CheckFailed extends Error {}
