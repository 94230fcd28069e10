/**
 * Keeps the last value that was made, until another key is asked for. Several tensors that come out of one
 * computation are written one after the other, so only that computation's result stays in memory.
 */
export function memoizeLast<T>(): (key: object, make: () => T) => T {
  let memoized: { readonly key: object; readonly value: T } | undefined
  return (key, make) => {
    if (memoized?.key !== key) memoized = { key, value: make() }
    return memoized.value
  }
}
