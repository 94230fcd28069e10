import type { Runtime } from '../../api/create-runtime.ts'
import { find } from '../../view/find.ts'
import { privacyWords } from './privacy.ts'

/** Shows whether drawings leave this device. @returns Writes it anew, after the policy has changed. */
export function showPrivacy(badge: HTMLElement, runtime: Runtime): () => void {
  const mark = find('.mark', HTMLElement, badge)
  const words = find('[data-part="words"]', HTMLElement, badge)
  const update = () => {
    const { policy } = runtime
    const sent = runtime
      .stats()
      .placements.filter(({ placement }) => placement.tier === 'server')
      .reduce((sum, { requests }) => sum + requests, 0)
    const mayLeave = policy === 'server' || policy === 'prefer-server' || (policy !== 'device' && sent > 0)
    mark.dataset.tier = mayLeave ? 'server' : 'device'
    const text = privacyWords(policy, sent)
    if (words.textContent !== text) words.textContent = text
  }
  runtime.addEventListener('stats', update)
  update()
  return update
}
