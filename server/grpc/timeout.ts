import { SpillwayError } from '../../models/core/index.ts'

const milliseconds = new Map([
  ['H', 3_600_000],
  ['M', 60_000],
  ['S', 1_000],
  ['m', 1],
  ['u', 0.001],
  ['n', 0.000_001],
])

/**
 * Milliseconds of the header `grpc-timeout`; undefined for a call without a deadline.
 *
 * @throws SpillwayError `request_malformed`.
 */
export function readTimeout(header: string | undefined): number | undefined {
  if (header === undefined) return undefined
  const [, digits, unit = ''] = /^(\d{1,8})([HMSmun])$/.exec(header) ?? []
  const factor = milliseconds.get(unit)
  if (digits !== undefined && factor !== undefined) return Number(digits) * factor
  throw new SpillwayError('request_malformed', 'The header grpc-timeout is not valid', {
    expected: 'up to eight digits and one of H, M, S, m, u, n',
    got: header.slice(0, 40),
  })
}
