import type { Policy } from '../../../models/core/index.ts'
import { countOf } from '../../view/words.ts'

const mayLeave = 'The server may answer as well when that is sooner, or when this device fails.'

/**
 * What a policy means for what a visitor draws.
 *
 * @param sent Drawings that the server has answered.
 */
export function privacyWords(policy: Policy, sent: number): string {
  if (policy === 'device')
    return sent === 0 ? 'Nothing leaves this device.' : 'From now on nothing leaves this device.'
  if (policy === 'server' || policy === 'prefer-server') return 'Every drawing is sent to the server.'
  return sent === 0
    ? `Nothing has left this device so far. ${mayLeave}`
    : `The server has answered ${countOf(sent, 'drawing')}. ${mayLeave}`
}
