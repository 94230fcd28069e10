interface Realm {
  readonly setImmediate?: (task: () => void) => unknown
  readonly scheduler?: {
    postTask?: (task: () => void, options: { readonly priority: 'background' }) => unknown
  }
}

/**
 * The end of this turn of the event loop, where messages are read: a runtime whose runs never leave the turn would
 * hear of no new sequence and of no abort. Browsers let messages to oneself pass those of others (measured: 65 ms late
 * beside steps of 10 ms), so what comes after all messages is a task of the lowest priority, or else a timer.
 */
export function yieldToEventLoop(realm: Realm = globalThis): Promise<void> {
  return new Promise((resolve) => {
    if (realm.setImmediate) realm.setImmediate(resolve)
    else if (realm.scheduler?.postTask) realm.scheduler.postTask(resolve, { priority: 'background' })
    else setTimeout(resolve, 0)
  })
}
