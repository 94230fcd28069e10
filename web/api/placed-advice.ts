import type { Manifest } from '../../models/core/index.ts'
import type { Outlook } from '../placement/placement-resolver.ts'
import type { Advice } from './advise.ts'

/** Where a model will run, without what the device takes for it. */
export const placedAdvice = (manifest: Manifest, { decision, error }: Outlook): Omit<Advice, 'device'> => ({
  manifest,
  ...(decision
    ? { tier: decision.tier, reason: decision.reason, explanation: decision.explanation }
    : { tier: null, explanation: error.message }),
})
