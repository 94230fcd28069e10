import type { Runtime } from '../../api/create-runtime.ts'
import { find } from '../../view/find.ts'
import { showHubModels } from '../hub-models.ts'
import { showTalk } from './talk.ts'

/** A chat with a model of the hub that the visitor chooses. */
export function showHubChat(runtime: Runtime, said: (text: string) => void): void {
  const conversation = find('#conversation', HTMLElement)
  const hub = showHubModels(runtime, {
    task: 'text-generation',
    purpose: 'talk',
    chosen: (_reference, model) => {
      conversation.hidden = false
      talk.begin(model)
    },
  })
  const talk = showTalk({ said, failed: hub.failed })
}
