/** Bytes in three digits and the fitting unit: `26.5 kB`. */
export function showBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  let value = bytes
  let unit = 0
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000
    unit++
  }
  return `${unit === 0 ? value : threeDigits(value)} ${units[unit]}`
}

export const showMs = (ms: number): string =>
  ms < 999.5
    ? `${threeDigits(ms)} ms`
    : ms < 60_000
      ? `${threeDigits(ms / 1000)} s`
      : `${(ms / 60_000).toFixed(1)} min`

export const showCount = (count: number): string => count.toLocaleString('en-US')

export function threeDigits(value: number): string {
  if (!Number.isFinite(value)) return String(value)
  const size = Math.abs(value)
  return value.toFixed(size >= 99.95 ? 0 : size >= 9.995 ? 1 : size >= 0.9995 ? 2 : size === 0 ? 0 : 3)
}

/** A number of any magnitude in three significant digits. */
export const showSmall = (value: number): string =>
  value === 0 ? '0' : Number(value.toPrecision(3)).toString()
