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
