import { countText } from '../../view/words.ts'

export interface Labels {
  /** @param read What each digit of the wall was read as. */
  show(read: readonly number[]): void
}

/** A button for each label, with how many were read as it. One that is pressed shows these alone. */
export function createLabels(list: HTMLElement, onChoose: (digit: number | undefined) => void): Labels {
  let chosen: number | undefined
  const choose = (digit: number) => {
    chosen = chosen === digit ? undefined : digit
    buttons.forEach((button, index) => {
      button.setAttribute('aria-pressed', String(index === chosen))
    })
    onChoose(chosen)
  }
  const counts = Array.from({ length: 10 }, () => document.createElement('span'))
  const buttons = counts.map((count, digit) => {
    const label = document.createElement('b')
    label.textContent = String(digit)
    count.textContent = '–'
    const button = document.createElement('button')
    button.type = 'button'
    button.dataset.testid = `label-${digit}`
    button.setAttribute('aria-pressed', 'false')
    button.append(label, ' ', count)
    button.addEventListener('click', () => choose(digit))
    return button
  })
  list.append(
    ...buttons.map((button) => {
      const item = document.createElement('li')
      item.append(button)
      return item
    }),
  )
  return {
    show: (read) =>
      counts.forEach((count, digit) => {
        count.textContent = countText(read.filter((each) => each === digit).length)
      }),
  }
}
