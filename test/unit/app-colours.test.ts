import { readdir, readFile } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'

const folder = new URL('../../web/app/styles/', import.meta.url)
const tokens = await readFile(new URL('tokens.css', folder), 'utf8')

type Rgb = readonly [number, number, number]

/** The colours of one mode by name. */
function coloursOf(css: string): ReadonlyMap<string, Rgb> {
  const colours = new Map<string, Rgb>()
  for (const [, name = '', hex = ''] of css.matchAll(/--([\w-]+): #([0-9a-f]{6});/g)) {
    const value = Number.parseInt(hex, 16)
    colours.set(name, [(value >> 16) & 255, (value >> 8) & 255, value & 255])
  }
  return colours
}

const [light = '', dark = ''] = tokens.split('@media (prefers-color-scheme: dark)')
const modes = [
  ['light', coloursOf(light)],
  ['dark', coloursOf(dark)],
] as const

const linear = (value: number) => {
  const share = value / 255
  return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4
}

const luminance = ([red, green, blue]: Rgb) =>
  0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue)

function contrast(one: Rgb, other: Rgb): number {
  const [dim = 0, bright = 0] = [luminance(one), luminance(other)].sort((a, b) => a - b)
  return (bright + 0.05) / (dim + 0.05)
}

/** Machado, Oliveira and Fernandes (2009), full severity, applied to linear light. */
const blindness = {
  protanopia: [0.152, 1.053, -0.205, 0.115, 0.786, 0.099, -0.004, -0.048, 1.052],
  deuteranopia: [0.367, 0.861, -0.228, 0.28, 0.673, 0.047, -0.012, 0.043, 0.969],
  tritanopia: [1.256, -0.077, -0.179, -0.078, 0.931, 0.148, 0.005, 0.691, 0.304],
}

const seenBy = (matrix: readonly number[], colour: Rgb) => {
  const light = colour.map(linear)
  return [0, 1, 2].map((row) =>
    light.reduce((sum, value, column) => sum + value * (matrix[row * 3 + column] ?? 0), 0),
  )
}

const distance = (one: readonly number[], other: readonly number[]) =>
  Math.hypot(...one.map((value, index) => value - (other[index] ?? 0)))

describe.each(modes)('the colours of the app in %s mode', (_mode, colours) => {
  const colour = (name: string) => colours.get(name) ?? expect.fail(`no colour ${name}`)

  test.each(['text', 'quiet', 'device', 'server', 'error'])('--%s can be read on every ground', (name) => {
    for (const ground of ['ground', 'surface'])
      expect(contrast(colour(name), colour(ground))).toBeGreaterThan(4.5)
  })

  test('have a hue for the two places and for errors only', () => {
    for (const [name, channels] of colours) {
      const spread = Math.max(...channels) - Math.min(...channels)
      expect(spread > 60, name).toBe(['device', 'server', 'error'].includes(name))
    }
  })

  test.each(Object.entries(blindness))('keep the two places apart with %s', (_name, matrix) => {
    expect(distance(seenBy(matrix, colour('device')), seenBy(matrix, colour('server')))).toBeGreaterThan(0.15)
  })
})

test('no other style sheet of the app names a colour', async () => {
  for (const name of await readdir(folder)) {
    if (name === 'tokens.css') continue
    const css = await readFile(new URL(name, folder), 'utf8')
    // The digit that the model reads is white on black in every mode.
    expect(css.match(/#[0-9a-f]{3,8}\b|rgb\(|hsl\(/gi) ?? [], name).toEqual(
      name === 'answer.css' ? ['#000'] : [],
    )
  }
})
