/**
 * Whether lanes may start on a device. `avoided`: not now, as it was lost again and again, and the lanes of others take the
 * work. `broken`: the same of every device, so that work fails at once in place of waiting.
 */
export type DeviceUse = 'used' | 'avoided' | 'broken'

interface OnDevice {
  readonly device: string | undefined
}

/** The device with the fewest lanes; undefined where devices are not named. */
export function leastUsed(devices: readonly string[], lanes: readonly OnDevice[]): string | undefined {
  const count = (device: string) => lanes.filter((lane) => lane.device === device).length
  const [first, ...others] = devices
  if (first === undefined) return undefined
  return others.reduce((best, device) => (count(device) < count(best) ? device : best), first)
}

/** The lanes in their order, but each device comes once before any comes twice. */
export function eachDeviceFirst<L extends OnDevice>(lanes: readonly L[]): L[] {
  const ranked = lanes.map((lane, at) => ({
    lane,
    rank: lanes.slice(0, at).filter(({ device }) => device === lane.device).length,
  }))
  // Where devices are not named, every rank differs, and the order stays.
  return ranked.sort((one, other) => one.rank - other.rank).map(({ lane }) => lane)
}
