/**
 * Makes something when it is first asked for and keeps it until something else is asked for: the several
 * tensors that come out of one are written one after the other, and only they need be in memory.
 */
export function memoizeLast<T>(): (key: object, make: () => T) => T {
  let memoized: { readonly key: object; readonly value: T } | undefined
  return (key, make) => {
    if (memoized?.key !== key) memoized = { key, value: make() }
    return memoized.value
  }
}
