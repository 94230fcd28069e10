import type { Runtime } from '../../api/create-runtime.ts'
import { createAnnouncer } from '../../view/announce.ts'
import { find } from '../../view/find.ts'
import { createProgressView } from '../../view/progress-view.ts'
import { createErrorView } from '../error-view.ts'
import { Opener } from '../opener.ts'
import { showPolicies } from '../policy-switch.ts'
import { showColumns } from './show-columns.ts'
import { showStories } from './show-stories.ts'

/** Wires the parts of the chat page together. */
export function showPage(runtime: Runtime): void {
  const { settled } = createAnnouncer(find('#announcements', HTMLElement))
  const error = createErrorView(find('#error', HTMLElement), () => {
    error.clear()
    opener.reopen()
  })
  const { show, clear } = error
  const opener = new Opener(runtime, 'bard', createProgressView(find('#progress', HTMLElement)), show)

  showColumns({ model: () => opener.model(), begun: clear, said: settled, failed: show })
  showStories(opener, { went: clear, said: settled, failed: show })
  showPolicies(find('#policies', HTMLElement), runtime.policy, 'story', (policy) => {
    clear()
    opener.setPolicy(policy)
  })
  // Their code is not among what a page starts with.
  void import('../../view/spillway/view.ts').then(({ showSpillway }) =>
    showSpillway(find('#spillway', HTMLElement), runtime),
  )
  void Promise.all([runtime.capacity(), import('../capacity-view.ts')]).then(([capacity, { showCapacity }]) =>
    showCapacity(find('#capacity', HTMLElement), capacity),
  )
  void import('./show-hub-chat.ts').then(({ showHubChat }) => showHubChat(runtime, settled))
  opener.reopen()
}
