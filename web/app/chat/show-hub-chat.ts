import { SpillwayError } from '../../../models/core/index.ts'
import type { Runtime } from '../../api/create-runtime.ts'
import { find } from '../../view/find.ts'
import { createProgressView } from '../../view/progress-view.ts'
import { createErrorView } from '../error-view.ts'
import { hubErrorWords, showHubModels } from './hub-models.ts'
import { showTalk } from './talk.ts'

/** A chat with a model of the hub that the visitor chooses: what it takes is said before it is downloaded. */
export function showHubChat(runtime: Runtime, said: (text: string) => void): void {
  let retry = () => {}
  const error = createErrorView(
    find('#hub-error', HTMLElement),
    () => {
      error.clear()
      retry()
    },
    ({ code }) => hubErrorWords(code),
  )
  const failed = (cause: unknown) => error.show(SpillwayError.from(cause, 'internal', 'The page failed'))
  const progress = createProgressView(find('#hub-progress', HTMLElement))
  const title = find('#hub-title', HTMLElement)
  const conversation = find('#conversation', HTMLElement)
  const talk = showTalk({ said, failed })
  void showHubModels(runtime, {
    asked: error.clear,
    failed,
    chosen: ({ source, title: name }) => {
      title.textContent = name
      conversation.hidden = false
      const open = async () => {
        progress.starting()
        try {
          const model = await runtime.model(source)
          await model.load({ onProgress: progress.loading })
          progress.ready()
          return model
        } catch (cause) {
          progress.failed(cause)
          throw cause
        }
      }
      let opening = open()
      opening.catch(failed)
      retry = () => {
        opening = open()
        opening.catch(failed)
      }
      talk.begin(() => opening)
    },
  })
}
