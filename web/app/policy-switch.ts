import { type Policy, policies } from '../../models/core/index.ts'

/** @param subject What the visitor gives to the model: a drawing, a story. */
const wordsFor = (
  subject: string,
): Readonly<Record<Policy, { readonly name: string; readonly explanation: string }>> => ({
  auto: { name: 'Auto', explanation: 'The device, or the server when it answers sooner.' },
  device: { name: 'Device', explanation: `This device only. Your ${subject} never leaves it.` },
  server: { name: 'Server', explanation: `The server only. Every ${subject} is sent to it.` },
  'prefer-device': { name: 'Prefer device', explanation: 'The server takes over when the device fails.' },
  'prefer-server': { name: 'Prefer server', explanation: 'The device takes over when the server fails.' },
})

/** A radio button for each policy, with an explanation. */
export function showPolicies(
  group: HTMLElement,
  chosen: Policy,
  subject: string,
  onChoose: (policy: Policy) => void,
): void {
  const words = wordsFor(subject)
  group.append(
    ...policies.map((policy) => {
      const { name, explanation } = words[policy]
      const input = document.createElement('input')
      input.type = 'radio'
      input.name = 'policy'
      input.value = policy
      input.id = `policy-${policy}`
      input.dataset.testid = input.id
      input.checked = policy === chosen
      input.setAttribute('aria-describedby', `${input.id}-means`)
      input.addEventListener('change', () => onChoose(policy))

      const label = document.createElement('label')
      label.htmlFor = input.id
      label.textContent = name
      const description = document.createElement('p')
      description.id = `${input.id}-means`
      description.textContent = explanation

      const card = document.createElement('div')
      card.className = 'policy'
      card.append(input, label, description)
      return card
    }),
  )
}
