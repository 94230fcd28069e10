/** Scrolls so that what an element begins with is seen, where it is not: `from` is then what the page shows first. */
export function bringIntoSight(element: HTMLElement, from: HTMLElement): void {
  if (element.getBoundingClientRect().top < window.innerHeight) return
  const isStill = matchMedia('(prefers-reduced-motion: reduce)').matches
  from.scrollIntoView({ behavior: isStill ? 'instant' : 'smooth' })
}
