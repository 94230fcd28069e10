/** Reads colours of the style sheet by their names, as an element has them now. */
export function tokensOf(element: Element): (name: `--${string}`) => string {
  const style = getComputedStyle(element)
  return (name) => style.getPropertyValue(name).trim()
}

/** Calls back when the visitor's colours change: a canvas does not take them by itself. */
export function onColourChange(changed: () => void): void {
  for (const query of ['(prefers-color-scheme: dark)', '(forced-colors: active)'])
    matchMedia(query).addEventListener('change', changed)
}
