import { setInterval } from 'node:timers/promises'

/** Reads until the value is as it should be, or was read so often: for programs that Vitest does not run. */
export async function poll<T>(
  read: () => Promise<T>,
  isDone: (value: T) => boolean,
  { tries = 50, everyMs = 100 } = {},
): Promise<T> {
  let value = await read()
  if (isDone(value)) return value
  for await (const _ of setInterval(everyMs)) {
    value = await read()
    if (isDone(value) || --tries <= 0) break
  }
  return value
}
