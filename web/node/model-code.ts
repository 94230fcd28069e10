/** The code that a program needs after it has its first manifest. */
import type { Advice } from '../api/advise.ts'
import { placedAdvice } from '../api/placed-advice.ts'

export { forceVariant, refuseForced } from '../placement/force-variant.ts'
export { infer } from '../remote/oip-infer.ts'

/** There is no device. */
export const advise = async (...found: Parameters<typeof placedAdvice>): Promise<Advice> => ({
  ...placedAdvice(...found),
  device: null,
})
