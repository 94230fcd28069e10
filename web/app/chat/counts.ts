const choices = [1, 2, 4, 8] as const

/** Radio buttons for the number of stories to tell at once. */
export function showCounts(group: HTMLElement): { readonly chosen: number } {
  const inputs = choices.map((count) => {
    const input = document.createElement('input')
    input.type = 'radio'
    input.name = 'count'
    input.value = String(count)
    input.id = `count-${count}`
    input.dataset.testid = input.id
    input.checked = count === 4
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
      return Number(inputs.find(({ checked }) => checked)?.value ?? 1)
    },
  }
}
