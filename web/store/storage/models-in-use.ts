const prefix = 'spillway model '

/** The models that are in use, by `modelKey`. */
export interface ModelsInUse {
  /** From now on, until this realm ends. */
  add(model: string): void
  /** Of this tab; of every tab where the browser has Web Locks. */
  list(): Promise<ReadonlySet<string>>
}

/** A tab holds a shared lock for each model that it uses: the browser lets go of it when the tab is gone. */
export function createModelsInUse(): ModelsInUse {
  const own = new Set<string>()
  const locks = globalThis.navigator?.locks
  return {
    add: (model) => {
      if (own.has(model)) return
      own.add(model)
      void locks
        ?.request(`${prefix}${model}`, { mode: 'shared' }, () => new Promise(() => {}))
        .catch(() => undefined)
    },
    list: async () => {
      const { held = [] } = (await locks?.query().catch(() => undefined)) ?? {}
      const everywhere = held.flatMap(({ name }) =>
        name?.startsWith(prefix) ? [name.slice(prefix.length)] : [],
      )
      return new Set([...own, ...everywhere])
    },
  }
}
