import type { Backend, Placement, Tier } from '../../models/core/index.ts'

export const tierWords: Readonly<Record<Tier, string>> = { device: 'On this device', server: 'On the server' }

const backendWords: Readonly<Record<Backend, string>> = {
  webgpu: 'WebGPU',
  wasm: 'WebAssembly',
  cpu: 'CPU',
  cuda: 'CUDA',
}

export const backendName = (backend: Placement['backend']): string =>
  backend === 'unknown' ? 'an unnamed backend' : backendWords[backend]

/** `2.3 ms`, `12 ms`: tenths only below ten. */
export const milliseconds = (ms: number): string => `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`

/** `40 s`, `3 min`: in whole units, for a time to wait. */
export const duration = (ms: number): string =>
  ms < 90_000 ? `${Math.ceil(ms / 1000)} s` : `${Math.round(ms / 60_000)} min`

export const percent = (share: number): string =>
  share > 0 && share < 0.005 ? '<1%' : `${Math.round(share * 100)}%`

const units = ['bytes', 'kB', 'MB', 'GB', 'TB'] as const

export function bytes(count: number): string {
  let value = count
  let unit = 0
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000
    unit++
  }
  if (unit === 0) return countOf(Math.round(value), 'byte')
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${units[unit] ?? ''}`
}

const wholeNumbers = new Intl.NumberFormat('en')

/** `12,740`: with separators. */
export const countText = (count: number): string => wholeNumbers.format(count)

/** `1 token`, `2 tokens`. */
export const countOf = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`

export const sentence = (text: string): string => (/[.!?]$/.test(text) ? text : `${text}.`)
