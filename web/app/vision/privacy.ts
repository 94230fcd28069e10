import type { Policy } from '../../../models/core/index.ts'
import { countOf } from '../../view/words.ts'

const mayLeave = 'The server may answer as well when that is sooner, or when this device fails.'

/**
 * What a policy means for what a visitor gives to a model.
 *
 * @param sent How many the server has answered.
 * @param subject What one is called: a drawing, a frame.
 */
export function privacyWords(policy: Policy, sent: number, subject: string): string {
  if (policy === 'device')
    return sent === 0 ? 'Nothing leaves this device.' : 'From now on nothing leaves this device.'
  if (policy === 'server' || policy === 'prefer-server') return `Every ${subject} is sent to the server.`
  return sent === 0
    ? `Nothing has left this device so far. ${mayLeave}`
    : `The server has answered ${countOf(sent, subject)}. ${mayLeave}`
}
