/** Set in the process that does a command's work. The one that started it watches, and outlives a native crash. */
export const watchedVariable = 'SPILLWAY_WATCHED'

/** Tells the watching process, where there is one, what the runtime is about to do: a crash leaves no word itself. */
export function reportStep(step: string): void {
  if (process.env[watchedVariable] !== undefined) process.send?.(step)
}
