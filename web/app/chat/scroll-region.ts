/** Makes an element a named region that scrolls by keys as well: a long text keeps its place on the page. */
export function makeScrollRegion(element: HTMLElement, label: string): void {
  element.tabIndex = 0
  element.setAttribute('role', 'region')
  element.setAttribute('aria-label', label)
}
