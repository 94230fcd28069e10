import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { Sitting } from '../../bench/gpu/sitting.ts'

describe('A sitting of bench:gpu', () => {
  const lines: string[] = []
  beforeEach(() => {
    lines.length = 0
    for (const stream of [process.stdout, process.stderr])
      vi.spyOn(stream, 'write').mockImplementation((line) => lines.push(String(line)) > 0)
  })
  afterEach(() => vi.restoreAllMocks())

  const side = (name: string, isOurs: boolean) => ({
    name,
    isOurs,
    show: (rate: number) => `${name}: ${rate}`,
  })

  test('prints each figure at once, and keeps those of a side that fails later', async () => {
    const sitting = new Sitting()
    const figures = await sitting.measure(side('WebLLM', false), async (found) => {
      found(7)
      expect(lines).toEqual(['WebLLM: 7\n'])
      throw new Error('The device is lost\n    at a page')
    })
    expect(figures).toEqual([7])
    expect(sitting.notes).toEqual(['WebLLM: not measured any further because it failed: The device is lost'])
    expect(lines.at(-1)).toBe(`bench:gpu: ${sitting.notes[0]}\n`)
    expect(sitting.hasFailed).toBe(false)
  })

  test('goes on after one of our sides, and has failed', async () => {
    const sitting = new Sitting()
    const failing = async () => {
      throw new Error('no lane')
    }
    expect(await sitting.measure(side('Ours', true), failing)).toEqual([])
    expect(await sitting.measure(side('Others', false), async (found) => found(1))).toEqual([1])
    expect(sitting.notes).toEqual(['Ours: left out because it failed: no lane'])
    expect(sitting.hasFailed).toBe(true)
  })
})
