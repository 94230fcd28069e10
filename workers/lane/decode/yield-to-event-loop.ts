interface Realm {
  readonly setImmediate?: (task: () => void) => unknown
  readonly scheduler?: {
    postTask?: (task: () => void, options: { readonly priority: 'background' }) => unknown
  }
}

/**
 * Resolves after the event loop has handled the messages that wait. Some runs never yield: without this, a lane would
 * receive no new sequence and no cancellation. A message to oneself is no way to yield, because browsers deliver it
 * before other messages (measured: these came 65 ms late beside steps of 10 ms). A task of the lowest priority, or else
 * a timer, runs after them.
 */
export function yieldToEventLoop(realm: Realm = globalThis): Promise<void> {
  return new Promise((resolve) => {
    if (realm.setImmediate) realm.setImmediate(resolve)
    else if (realm.scheduler?.postTask) realm.scheduler.postTask(resolve, { priority: 'background' })
    else setTimeout(resolve, 0)
  })
}
