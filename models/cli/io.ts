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
