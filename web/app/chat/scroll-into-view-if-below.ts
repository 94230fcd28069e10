/** Scrolls `target` to the top of the window where the beginning of `element` is below the window. */
export function scrollIntoViewIfBelow(element: HTMLElement, target: HTMLElement): void {
  if (element.getBoundingClientRect().top < window.innerHeight) return
  const reducesMotion = matchMedia('(prefers-reduced-motion: reduce)').matches
  target.scrollIntoView({ behavior: reducesMotion ? 'instant' : 'smooth' })
}
