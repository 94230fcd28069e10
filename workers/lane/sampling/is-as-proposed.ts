import type { Chosen } from './types.ts'

/** Whether the token that was chosen is the one that was proposed. */
export const isAsProposed = (chosen: Chosen, proposed: number | undefined): boolean =>
  'token' in chosen && chosen.token === proposed
