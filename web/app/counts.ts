export interface CountsOptions {
  /** Of the radio buttons; each has the id `name-count`. */
  readonly name: string
  readonly choices: readonly number[]
  readonly chosen: number
  readonly onChoose?: (count: number) => void
}

/** Radio buttons for how many of something run at once. */
export function showCounts(
  group: HTMLElement,
  { name, choices, chosen, onChoose }: CountsOptions,
): { readonly chosen: number } {
  const inputs = choices.map((count) => {
    const input = document.createElement('input')
    input.type = 'radio'
    input.name = name
    input.value = String(count)
    input.id = `${name}-${count}`
    input.dataset.testid = input.id
    input.checked = count === chosen
    input.addEventListener('change', () => onChoose?.(count))
    const label = document.createElement('label')
    label.htmlFor = input.id
    label.textContent = String(count)
    const choice = document.createElement('div')
    choice.className = 'count'
    choice.append(input, label)
    group.append(choice)
    return input
  })
  return {
    get chosen() {
      return Number(inputs.find(({ checked }) => checked)?.value ?? chosen)
    },
  }
}
