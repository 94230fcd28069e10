/** A button that says what its next press does. */
export function onPress(
  button: HTMLButtonElement,
  pressedText: string,
  act: (isPressed: boolean) => void,
): void {
  const text = button.textContent
  let isPressed = false
  button.addEventListener('click', () => {
    isPressed = !isPressed
    button.textContent = isPressed ? pressedText : text
    button.toggleAttribute('data-pressed', isPressed)
    act(isPressed)
  })
}
