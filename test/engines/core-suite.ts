import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { deviceCases } from './device-cases.ts'
import type { EngineDriver } from './drivers/engine-driver.ts'
import { type CaseName, caseNames, cases, type Engine, type EngineId, engines } from './engines.ts'
import { placeCases } from './place-cases.ts'
import { openScene, type Scene } from './scene.ts'

declare module 'vitest' {
  interface TaskMeta {
    /** The engine that did the case. */
    engine?: EngineId
    engineVersion?: string
  }
}

const suite: Readonly<Record<CaseName, (scene: Scene) => Promise<void>>> = { ...deviceCases, ...placeCases }

/** Runs the core suite in an engine. It is skipped where the engine is not installed, unless it is required. */
export function describeEngine(id: EngineId, driver: EngineDriver): void {
  const { name, cannot }: Engine = engines[id]
  const missing = driver.missing()
  const isSkipped = missing !== undefined && process.env.SPILLWAY_TEST_ENGINES !== 'required'
  describe.skipIf(isSkipped)(isSkipped ? `${name} (skipped: ${missing})` : name, () => {
    let scene: Scene | undefined
    beforeAll(async () => {
      if (missing !== undefined) throw new Error(missing)
      scene = await openScene(driver)
    })
    afterAll(() => scene?.close())
    for (const each of caseNames) {
      const reason = cannot[each]
      test.skipIf(reason !== undefined)(
        reason === undefined ? cases[each] : `${cases[each]} (skipped: ${reason})`,
        async ({ task }) => {
          if (!scene) return expect.fail(`${name} has not started`)
          task.meta.engine = id
          task.meta.engineVersion = scene.page.version
          await suite[each](scene)
        },
      )
    }
  })
}
