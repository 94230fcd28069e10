import type { Io } from './io.ts'

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
