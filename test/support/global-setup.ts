import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { type HubFixture, startHubFixture } from './hub-fixture.ts'
import { startServer } from './server.ts'
import { importStories, type Stories } from './stories.ts'
import { testModels, withoutTestModels } from './test-models.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** A server that tests share: none of them may harm it. */
    serverUrl: string
    /** A stand-in for the hub, with small models. */
    hub: HubFixture
    /** Four MNIST pictures as base64 JPEG, by digit; or why they are absent. */
    mnist: { pictures: Record<string, string> } | { absent: string }
    stories: Stories | { absent: string }
  }
}

declare global {
  /** What the projects of this run share: each of them calls `setup`, in a copy of this module. */
  var sharedFixtures: { users: number; readonly starting: ReturnType<typeof start> } | undefined
}

async function start() {
  const [server, { hub, fixture }] = await Promise.all([startServer(), startHubFixture()])
  return { server, hub, fixture, mnist: await readPictures(), stories: await importStories() }
}

/** For tests that need the build: starts a server and a hub that they share. Unit tests run without it. */
export default async function setup({ provide }: TestProject): Promise<() => Promise<void>> {
  globalThis.sharedFixtures ??= { users: 0, starting: start() }
  const shared = globalThis.sharedFixtures
  shared.users++
  const { server, hub, fixture, mnist, stories } = await shared.starting
  provide('serverUrl', server.url.href)
  provide('hub', fixture)
  provide('mnist', mnist)
  provide('stories', stories)
  return async () => {
    if (--shared.users === 0) await Promise.all([server.stop(), hub.stop()])
  }
}

async function readPictures() {
  if (withoutTestModels !== undefined || testModels === undefined) return { absent: withoutTestModels ?? '' }
  const pictures: Record<string, string> = {}
  for (const digit of ['0', '3', '5', '7']) {
    pictures[digit] = await readFile(join(testModels, 'mnist', `digit-${digit}.jpg`), 'base64')
  }
  return { pictures }
}
