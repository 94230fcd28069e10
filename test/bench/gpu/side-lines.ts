import type { Row } from './row.ts'
import type { Side } from './sitting.ts'
import type { Streams } from './time-streams.ts'

/** A side that writes texts. */
export const rateSide = (name: string, isOurs: boolean): Side<Streams> => ({
  name,
  isOurs,
  show: ({ streams, tokensPerSecond }) =>
    `${name}: ${tokensPerSecond.toFixed(1)} tokens a second with ${streams} ${streams === 1 ? 'text' : 'texts at once'}`,
})

/** Runs of so many rows on the GPU and the CPU. */
export const rowSide = (name: string): Side<Row> => ({
  name,
  isOurs: true,
  show: ({ rows, gpuMs, cpuMs }) =>
    `${name}: ${rows} ${rows === 1 ? 'row' : 'rows'} in ${gpuMs.toFixed(2)} ms on the GPU, ${cpuMs.toFixed(2)} ms on the CPU`,
})
