import { createRequire } from 'node:module'
import type { Page } from 'playwright-core'

declare global {
  interface Window {
    readonly axe: { run(): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> }
  }
}

/** The accessibility violations that axe-core finds on the page as it is now, in light and dark mode. */
export async function accessibilityFaults(page: Page): Promise<string[]> {
  await page.addScriptTag({ path: createRequire(import.meta.url).resolve('axe-core') })
  const all: string[] = []
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
    const faults = await page.evaluate(async () =>
      (await window.axe.run()).violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`),
    )
    all.push(...faults.map((fault) => `${colorScheme}: ${fault}`))
  }
  return all
}
