import type { Page } from 'playwright-core'
import { describe, expect, test } from 'vitest'
import '../../web/embed/window-global.ts'
import { accessibilityFaults } from '../support/accessibility.ts'
import { facesFolder } from '../support/faces-model.ts'
import { recordLayoutShifts, shiftsOf } from '../support/layout-shift.ts'
import { launchBrowser, openPage } from '../support/page.ts'
import { useSite, useVisit } from '../support/site.ts'
import { withoutTestModels } from '../support/test-models.ts'
import { published } from '../tools/support/real-models.ts'

const reason = withoutTestModels ? ` (skipped: ${withoutTestModels})` : ''

const site = useSite(async () => (withoutTestModels ? {} : { SPILLWAY_MODELS: await facesFolder() }))
const visit = useVisit(site)

const open = async () => openPage(visit.context, new URL('vision.html', visit.proxy.url))
const press = (page: Page, name: string) => page.getByTestId(`faces-${name}`).click()
const choosePolicy = (page: Page, policy: string) =>
  page.getByTestId(`policy-${policy}`).check({ force: true })
const chooseStreams = (page: Page, count: number) =>
  page.getByTestId(`streams-${count}`).check({ force: true })

/** A phone, and the phone on its side. */
const turned = [
  [360, 800],
  [800, 360],
] as const

/** How many faces each stream has now, and where they were found. */
const streams = (page: Page) =>
  page
    .locator('.tile')
    .evaluateAll((tiles) =>
      tiles.map((tile) => tile instanceof HTMLElement && `${tile.dataset.faces} ${tile.dataset.place}`),
    )

const figure = async (page: Page, name: 'rate' | 'stayed' | 'dropped') =>
  Number(await page.getByTestId('faces-figures').getAttribute(`data-${name}`))

const answered = (page: Page) =>
  page.evaluate(() => spillway.stats().placements.reduce((sum, { requests }) => sum + requests, 0))

const pictures = (page: Page) =>
  page
    .locator('.tile canvas')
    .evaluateAll((all) => all.map((canvas) => canvas instanceof HTMLCanvasElement && canvas.toDataURL()))

const hide = (page: Page, isHidden: boolean) =>
  page.evaluate((value) => {
    Object.defineProperty(document, 'hidden', { value, configurable: true })
    document.dispatchEvent(new Event('visibilitychange'))
  }, isHidden)

const frames = (page: Page, count: number) =>
  page.evaluate(async (left) => {
    while (left-- > 0) await new Promise(requestAnimationFrame)
  }, count)

const errorOf = async (page: Page) => {
  const error = page.getByTestId('faces-error')
  await error.waitFor()
  return error.innerText()
}

describe.skipIf(withoutTestModels)(`faces${reason}`, () => {
  test('of a drawn clip are boxed by this device alone where a camera is refused, then in sixteen streams that spill', async () => {
    await recordLayoutShifts(visit.context)
    const { page, errors } = await open()
    await page.getByTestId('progress').and(page.locator('[data-state="ready"]')).waitFor()
    await press(page, 'camera')
    expect(await errorOf(page)).toMatch(/access_denied|not_supported/)
    await choosePolicy(page, 'device')
    await press(page, 'play')
    await expect.poll(() => streams(page)).toEqual(['3 device'])
    const privacy = page.getByTestId('faces-privacy')
    expect(await privacy.textContent()).toBe('Nothing leaves this device.')
    expect(visit.proxy.seen.filter(({ path }) => path.includes('/infer'))).toEqual([])

    await choosePolicy(page, 'auto')
    await chooseStreams(page, 16)
    // What moves by a visitor's own act may move late on a busy machine. From here on nothing does.
    const shifts = await shiftsOf(page)
    await expect
      .poll(() => streams(page))
      .toEqual(
        Array.from({ length: 16 }, (_, stream) => expect.stringMatching(`^${2 + ((stream + 1) % 3)} `)),
      )
    await expect.poll(() => figure(page, 'stayed')).toBeLessThan(1)
    expect(await figure(page, 'dropped')).toBeGreaterThan(0)
    expect(await figure(page, 'rate')).toBeGreaterThan(0)
    expect(await privacy.textContent()).toMatch(/^The server has answered \d+ frame/)

    expect(await shiftsOf(page)).toEqual(shifts)

    // Those in flight are answered, and none follows.
    await hide(page, true)
    const running = () =>
      page.evaluate(() => [spillway.stats().device.running, spillway.stats().server?.running])
    await frames(page, 3)
    await expect.poll(running).toEqual([0, 0])
    const hidden = await answered(page)
    for (const [width, height] of turned) {
      await page.setViewportSize({ width, height })
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width)
    }
    expect(await accessibilityFaults(page)).toEqual([])
    expect(await answered(page)).toBe(hidden)

    // Shown again where motion is reduced now: the pictures stand still, and the figures go on.
    const still = await pictures(page)
    await chooseStreams(page, 1)
    await hide(page, false)
    await expect.poll(() => answered(page)).toBeGreaterThan(hidden + 2)
    expect(await pictures(page)).toEqual(still.slice(0, 1))
    await press(page, 'stop')
    expect(await streams(page)).toEqual([' '])
    expect(errors).toEqual([])
  })

  test('of photos, of a video and of a camera that is pulled out', async () => {
    const browser = await launchBrowser([
      '--use-fake-device-for-media-stream',
      '--use-fake-ui-for-media-stream',
    ])
    try {
      const { page, errors } = await openPage(
        await browser.newContext(),
        new URL('vision.html', visit.proxy.url),
      )
      const input = page.getByTestId('faces').locator('input[type=file]')
      await page.getByTestId('faces-choose').and(page.locator(':enabled')).waitFor()
      await input.setInputFiles(published('ultraface', 'face-2.jpg'))
      await expect.poll(() => streams(page)).toEqual([expect.stringMatching(/^[45] \w/)])
      for (const mimeType of ['image/png', 'video/mp4']) {
        await input.setInputFiles({ name: 'notes', mimeType, buffer: Buffer.from('neither of them') })
        expect(await errorOf(page)).toMatch(/The file is no (picture|video)[\s\S]*input_value_invalid/)
        expect(await streams(page)).toEqual([' '])
      }

      await press(page, 'camera')
      await expect.poll(() => streams(page)).toEqual([expect.stringMatching(/^\d \w/)])
      expect(await page.getByTestId('faces-error').isVisible()).toBe(false)
      const recorded = await page.evaluateHandle(recordCamera)
      await page.locator('#faces video').evaluate((video: HTMLVideoElement) => {
        const [track] = video.srcObject instanceof MediaStream ? video.srcObject.getTracks() : []
        track?.dispatchEvent(new Event('ended'))
      })
      expect(await errorOf(page)).toContain('The camera has gone')
      expect(await streams(page)).toEqual([' '])

      await input.evaluate((files: HTMLInputElement, video) => {
        const transfer = new DataTransfer()
        transfer.items.add(new File([video], 'clip.webm', { type: video.type }))
        files.files = transfer.files
        files.dispatchEvent(new Event('change'))
      }, recorded)
      await expect.poll(() => streams(page)).toEqual([expect.stringMatching(/^\d \w/)])
      expect(errors).toEqual([])
    } finally {
      await browser.close()
    }
  })
})

/** What the page's camera shows for a moment, as a file. */
async function recordCamera(): Promise<Blob> {
  const { srcObject } = document.querySelector<HTMLVideoElement>('#faces video') ?? {}
  if (!(srcObject instanceof MediaStream)) throw new Error('There is no camera')
  const recorder = new MediaRecorder(srcObject, { mimeType: 'video/webm' })
  const parts: Blob[] = []
  const recorded = new Promise<Blob>((resolve) => {
    recorder.ondataavailable = ({ data }) => {
      parts.push(data)
      if (recorder.state === 'inactive') resolve(new Blob(parts, { type: 'video/webm' }))
      else if (parts.length === 4) recorder.stop()
    }
  })
  recorder.start(100)
  return recorded
}
