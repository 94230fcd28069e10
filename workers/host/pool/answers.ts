import type { Lane } from '../lane-client/lane.ts'

/** Whether the lane gives a sign of life. */
export const answers = (lane: Lane): Promise<boolean> =>
  lane.ping().then(
    () => true,
    () => false,
  )
