import { cp, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { type Browser, chromium, type Page } from 'playwright-core'
import { browserFlags, findBrowser } from './find-browser.ts'
import { emptyFolder } from './test-models.ts'

/** What a visitor's machine, or the visitor, may make of a page's text, as a style sheet. */
export const texts = {
  'as it comes': ':root {}',
  // Wider than any font for reading, in whatever font this machine has.
  'in a wide font': '* { letter-spacing: 0.25em !important }',
  // As WCAG 1.4.12 has it.
  'spaced out': `* { line-height: 1.5 !important; letter-spacing: 0.12em !important; word-spacing: 0.16em !important }
    p { margin-block-end: 2em !important }`,
  'twice as large': ':root { font-size: 200% }',
} as const

/** Turns a page from right to left, or back. */
export const setDirection = (page: Page, direction: 'ltr' | 'rtl'): Promise<void> =>
  page.evaluate((dir) => {
    document.documentElement.dir = dir
  }, direction)

/**
 * Text that cannot be seen on a page in forced colours: browsers lay a plate of the canvas's colour behind all text, so
 * that text of that colour is lost on whatever ground the page gives it.
 */
export const forcedColourFaults = (page: Page): Promise<string[]> =>
  page.evaluate(() => {
    const probe = document.createElement('i')
    probe.style.color = 'Canvas'
    document.body.append(probe)
    const canvas = getComputedStyle(probe).color
    probe.remove()
    const faults: string[] = []
    for (const element of document.querySelectorAll<HTMLElement>('body *')) {
      const hasText = [...element.childNodes].some((node) => node instanceof Text && node.data.trim() !== '')
      if (!hasText || !element.checkVisibility({ visibilityProperty: true })) continue
      const { color, backgroundColor, forcedColorAdjust } = getComputedStyle(element)
      const ground = forcedColorAdjust === 'none' ? backgroundColor : canvas
      if (color === ground) faults.push(`“${element.textContent?.trim().slice(0, 24)}” is not seen`)
    }
    return faults
  })

/**
 * Chromium on a machine whose only font is of pictures: no letter has a shape or a width. With no font at all Chromium
 * ends where it meets a text field. Elsewhere than on Linux it has the system's fonts all the same.
 */
export async function launchWithoutLetters(): Promise<Browser> {
  const playwright = dirname(createRequire(import.meta.url).resolve('playwright-core/package.json'))
  const folder = await emptyFolder()
  await cp(join(playwright, 'lib/vite/recorder/assets'), folder, { recursive: true })
  const config = join(folder, 'fonts.conf')
  const fonts = `<fontconfig><dir>${folder}</dir><cachedir>${folder}</cachedir></fontconfig>`
  await writeFile(config, `<?xml version="1.0"?>${fonts}`)
  return chromium.launch({
    executablePath: findBrowser(),
    args: [...browserFlags],
    env: { ...process.env, FONTCONFIG_FILE: config },
  })
}

/** What does not fit on a page as it is now: text beyond the page's edge or its box's, cut off, or over other text. */
export const layoutFaults = (page: Page): Promise<string[]> =>
  page.evaluate(() => {
    const faults: string[] = []
    const edge = document.documentElement.clientWidth
    const scroll = document.documentElement.scrollWidth
    if (scroll > edge) faults.push(`the page scrolls sideways: ${scroll} px in ${edge}`)

    const scrollsSideways = '.guide pre, .guide .wide, #source'
    const nameOf = (element: Element) => `${element.localName}.${element.className || element.id}`
    // What readers only hear, or what is seen through, hides nothing.
    const isSeen = (element: Element) =>
      element.checkVisibility({ opacityProperty: true, visibilityProperty: true }) &&
      element.closest('.unseen') === null

    const scrollBoxes = new Map<Element, DOMRect | undefined>()
    /** The box in which an element scrolls. */
    const scrollBoxOf = (element: Element): DOMRect | undefined => {
      if (scrollBoxes.has(element)) return scrollBoxes.get(element)
      const { overflowY } = getComputedStyle(element)
      const scrolls = overflowY === 'auto' || overflowY === 'scroll'
      const outer = () => element.parentElement && scrollBoxOf(element.parentElement)
      const box = (scrolls ? element.getBoundingClientRect() : outer()) ?? undefined
      scrollBoxes.set(element, box)
      return box
    }

    // Plain numbers: pages have thousands of words, and a rectangle of the browser is slow to read.
    const words: { text: Node; said: string; left: number; right: number; top: number; bottom: number }[] = []
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
    for (let text = walker.nextNode(); text; text = walker.nextNode()) {
      const parent = text.parentElement
      if (!parent || text.textContent?.trim() === '' || !isSeen(parent)) continue
      const said = `“${text.textContent?.trim().slice(0, 24)}” in ${nameOf(parent)}`
      // Of ten bars side by side the figures may reach into the gaps, and not over each other.
      const holder = parent.closest(
        'button, a, li:not(.bar), p, dt, dd, h1, h3, label, legend, .tier, .panel, .count',
      )
      const within = holder?.getBoundingClientRect()
      // Code and wide tables scroll sideways in boxes of their own.
      if (parent.closest(scrollsSideways)) continue
      const scrollBox = scrollBoxOf(parent)
      // Word by word: spaces at a line's end hang over it.
      for (const { index, 0: word } of (text.textContent ?? '').matchAll(/\S+/g)) {
        const range = document.createRange()
        range.setStart(text, index)
        range.setEnd(text, index + word.length)
        for (const whole of range.getClientRects()) {
          const top = Math.max(whole.top, scrollBox?.top ?? whole.top)
          const bottom = Math.min(whole.bottom, scrollBox?.bottom ?? whole.bottom)
          // Scrolled out of sight.
          if (bottom <= top) continue
          const { left, right } = whole
          words.push({ text, said, left, right, top, bottom })
          if (right > edge + 1 || left < -1) faults.push(`${said} goes beyond the page`)
          if (within && (right > within.right + 1 || left < within.left - 1))
            faults.push(`${said} goes beyond ${nameOf(holder ?? parent)}`)
        }
      }
    }
    for (const element of document.querySelectorAll('body *')) {
      const cuts = getComputedStyle(element).overflowX !== 'visible'
      if (element.closest(scrollsSideways)) continue
      if (cuts && isSeen(element) && element.scrollWidth > element.clientWidth + 1)
        faults.push(`${nameOf(element)} cuts off what it holds`)
    }
    // From top to bottom: a word that begins below another lies over neither it nor what is above it.
    words.sort((one, other) => one.top - other.top)
    words.forEach((word, index) => {
      for (let at = index + 1; at < words.length; at++) {
        const other = words[at]
        if (!other || other.top >= word.bottom) break
        if (other.text === word.text) continue
        const across = Math.min(word.right, other.right) - Math.max(word.left, other.left)
        const down = Math.min(word.bottom, other.bottom) - other.top
        const height = Math.min(word.bottom - word.top, other.bottom - other.top)
        // The height of a line reaches above and below its letters.
        if (across > 1 && down > height / 2) faults.push(`${word.said} lies over ${other.said}`)
      }
    })
    return [...new Set(faults)]
  })
