import digit from './programs/digit.js?raw'
import payment from './programs/payment.js?raw'
import text from './programs/text.js?raw'

export interface Program {
  /** As its button has it: `program-NAME`. */
  readonly name: string
  readonly source: string
}

/** What a visitor can run and change: the lines at the heart of the other pages. */
export const programs: readonly [Program, ...Program[]] = [
  { name: 'payment', source: payment },
  { name: 'digit', source: digit },
  { name: 'text', source: text },
]
