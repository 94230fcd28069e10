import digit from './programs/digit.js?raw'
import payment from './programs/payment.js?raw'
import text from './programs/text.js?raw'

export interface Program {
  readonly name: string
  readonly label: string
  readonly source: string
}

/** What a visitor can run and change: the lines at the heart of the other pages. */
export const programs: readonly [Program, ...Program[]] = [
  { name: 'payment', label: 'Score a payment', source: payment },
  { name: 'digit', label: 'Read a digit', source: digit },
  { name: 'text', label: 'Write a text', source: text },
]
