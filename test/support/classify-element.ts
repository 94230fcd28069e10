import type { BrowserContext, Page } from 'playwright-core'
import { expect } from 'vitest'
import '../../web/elements/define.ts'
import { greyPng } from './png.ts'

declare global {
  /** The codes of the elements' errors, in their order. */
  var codes: string[]
  /** The content security policy's violations. */
  var violations: string[]
}

/** Records what elements fail by, and what the policies of their pages forbid, in `codes` and `violations`. */
export const recordFaults = (context: BrowserContext) =>
  context.addInitScript(() => {
    globalThis.codes = []
    globalThis.violations = []
    addEventListener(
      'error',
      ({ target, error }) => {
        if (target instanceof Element) codes.push(error?.code)
      },
      true,
    )
    addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) =>
      violations.push(`${violatedDirective} ${blockedURI}`),
    )
  })

/** Draws a one with the mouse on the pad of an element. */
export async function drawOne(page: Page, element = 'spillway-classify'): Promise<void> {
  const box = (await page.locator(`${element} .pad`).boundingBox()) ?? expect.fail('no pad')
  const x = box.x + box.width / 2
  await page.mouse.move(x, box.y + box.height * 0.2)
  await page.mouse.down()
  for (let step = 1; step <= 12; step++) await page.mouse.move(x, box.y + box.height * (0.2 + step * 0.05))
  await page.mouse.up()
}

/** The label that the page's first `<spillway-classify>` has. */
export const labelOf = (page: Page) => page.evaluate(() => document.querySelector('spillway-classify')?.value)

/** Hands a file to the element, as a page may. */
export const handPicture = (page: Page, file: Buffer, type: string) =>
  page.evaluate(
    async ([content, type]) => {
      const bytes = Uint8Array.from(atob(content), (character) => character.charCodeAt(0))
      document.querySelector('spillway-classify')?.classify(new Blob([bytes], { type }))
    },
    [file.toString('base64'), type] as const,
  )

/** A white one on black. */
export const pictureOfOne = (width: number, height: number, scale = 1) =>
  greyPng(
    width,
    height,
    (x, y) => (Math.abs(x / width - 0.5) < 0.04 && Math.abs(y / height - 0.5) < 0.3 ? 255 : 0),
    scale,
  )

/** Drops a PNG on the pad. */
export const dropPicture = (page: Page, file: Buffer) =>
  page.locator('spillway-classify .pad').evaluate((pad, content) => {
    const dataTransfer = new DataTransfer()
    const bytes = Uint8Array.from(atob(content), (character) => character.charCodeAt(0))
    dataTransfer.items.add(new File([bytes], 'one.png', { type: 'image/png' }))
    pad.dispatchEvent(new DragEvent('drop', { dataTransfer, bubbles: true, cancelable: true }))
  }, file.toString('base64'))
