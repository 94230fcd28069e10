import type { Runtime } from '../../api/create-runtime.ts'
import { find } from '../../view/find.ts'
import { privacyWords } from './privacy.ts'

/**
 * Shows whether what a visitor gives to a model leaves this device.
 *
 * @param subject What one is called: a drawing, a frame.
 * @returns Writes it anew, after the policy has changed.
 */
export function showPrivacy(
  badge: HTMLElement,
  runtime: Runtime,
  modelId: string,
  subject: string,
): () => void {
  const mark = find('.mark', HTMLElement, badge)
  const words = find('[data-part="words"]', HTMLElement, badge)
  const update = () => {
    const { policy } = runtime
    const sent = answeredByServer(runtime, modelId)
    const mayLeave = policy === 'server' || policy === 'prefer-server' || (policy !== 'device' && sent > 0)
    mark.dataset.tier = mayLeave ? 'server' : 'device'
    const text = privacyWords(policy, sent, subject)
    if (words.textContent !== text) words.textContent = text
  }
  runtime.addEventListener('stats', update)
  update()
  return update
}

const answeredByServer = (runtime: Runtime, modelId: string): number =>
  (runtime.stats().server?.models ?? [])
    .filter(({ session }) => session.startsWith(`${modelId}@`))
    .reduce((sum, { requests }) => sum + requests, 0)
