const prefix = 'spillway model '

/** The models in use, by `modelKey`. */
export interface ModelsInUse {
  /** Marks a model as used until this realm ends. */
  add(model: string): void
  /** The models of every tab; of this one only where the browser has no Web Locks. */
  list(): Promise<ReadonlySet<string>>
}

/** A tab holds a shared lock for each model that it uses. The browser releases it when the tab ends. */
export function createModelsInUse(): ModelsInUse {
  const own = new Set<string>()
  // A browser that refuses storage may refuse locks, by throwing or by rejecting.
  const attempt = async <T>(ask: (locks: LockManager) => Promise<T>): Promise<T | undefined> => {
    const locks = globalThis.navigator?.locks
    try {
      return locks && (await ask(locks))
    } catch {
      return undefined
    }
  }
  return {
    add: (model) => {
      if (own.has(model)) return
      own.add(model)
      void attempt((locks) =>
        locks.request(`${prefix}${model}`, { mode: 'shared' }, () => new Promise(() => {})),
      )
    },
    list: async () => {
      const { held = [] } = (await attempt((locks) => locks.query())) ?? {}
      const everywhere = held.flatMap(({ name }) =>
        name?.startsWith(prefix) ? [name.slice(prefix.length)] : [],
      )
      return new Set([...own, ...everywhere])
    },
  }
}
