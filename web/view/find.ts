/** The page's element for a selector. @throws Error where it is missing: markup and script do not match. */
export function find<E extends Element>(
  selector: string,
  type: new () => E,
  within: ParentNode = document,
): E {
  const element = within.querySelector(selector)
  if (element instanceof type) return element
  throw new Error(`The page has no ${type.name} at ${selector}`)
}
