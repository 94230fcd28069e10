import { type Policy, policies } from '../../../models/core/index.ts'
import { find } from '../../view/find.ts'
import { countOf, countText } from '../../view/words.ts'
import { type Subject, subjects } from './calls.ts'
import type { Loop } from './load-generator.ts'

/** What a visitor has chosen to load the runtime with. */
export interface Choice {
  readonly subject: Subject
  readonly loop: Loop
  readonly amount: number
}

export interface LoadForm {
  readonly choice: Choice
  readonly isRunning: boolean
  /** Shows that the load has been stopped. */
  stopped(): void
}

/** Lets a visitor choose a load, and start and stop it. */
export function showLoadForm(
  form: HTMLFormElement,
  on: {
    readonly start: () => void
    readonly stop: () => void
    readonly change: (what: 'subject' | 'amount') => void
    readonly policy: (policy: Policy) => void
  },
): LoadForm {
  const slider = find('input[name="amount"]', HTMLInputElement, form)
  const output = find('output', HTMLOutputElement, form)
  const button = find('button', HTMLButtonElement, form)
  const [subject] = subjects
  if (!subject) throw new Error('There is no model to load')
  let choice: Choice = { subject, loop: 'closed', amount: 1 }
  let isRunning = false

  const read = () => {
    const data = new FormData(form)
    const loop: Loop = data.get('loop') === 'open' ? 'open' : 'closed'
    const chosen = subjects.find(({ id }) => id === data.get('subject')) ?? subject
    // From one to the most, each tenfold as far as the one before.
    const amount = Math.round(chosen.most[loop] ** slider.valueAsNumber)
    choice = { subject: chosen, loop, amount }
    const words = loop === 'closed' ? countOf(amount, 'caller') : `${countText(amount)} a second`
    output.textContent = words
    slider.setAttribute('aria-valuetext', words)
  }
  const show = (runs: boolean) => {
    isRunning = runs
    button.textContent = runs ? 'Stop the load' : 'Start the load'
    button.toggleAttribute('data-pressed', runs)
  }
  const policyField = find('select', HTMLSelectElement, form)
  policyField.addEventListener('change', () => {
    const policy = policies.find((name) => name === policyField.value)
    if (policy) on.policy(policy)
  })
  form.addEventListener('input', ({ target }) => {
    if (target === policyField) return
    const before = choice
    read()
    on.change(before.subject === choice.subject ? 'amount' : 'subject')
  })
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    show(!isRunning)
    if (isRunning) on.start()
    else on.stop()
  })
  read()
  return {
    get choice() {
      return choice
    },
    get isRunning() {
      return isRunning
    },
    stopped: () => show(false),
  }
}
