import { isIP } from 'node:net'
import { SpillwayError } from '../../models/core/index.ts'

export interface Exposure {
  /** The address to listen on. */
  readonly host: string
  readonly hasKeys: boolean
  /** `SPILLWAY_OPEN=1`: the owner wants everybody to call. */
  readonly isOpen: boolean
}

/**
 * Without keys a server answers everybody who reaches it. Only this machine reaches a loopback address.
 *
 * @throws SpillwayError `request_malformed` where others would reach a server without keys that was not opened on
 * purpose, and where it is opened in spite of its keys.
 */
export function checkMayListen({ host, hasKeys, isOpen }: Exposure): void {
  if (hasKeys && isOpen)
    throw new SpillwayError('request_malformed', 'SPILLWAY_KEYS and SPILLWAY_OPEN contradict each other', {
      expected: 'one of them',
      got: 'both',
      hint: 'Remove SPILLWAY_OPEN, and the keys are required.',
    })
  if (hasKeys || isOpen || isLoopback(host)) return
  throw new SpillwayError('request_malformed', `Everybody who reaches ${host} could use this server`, {
    expected: 'keys in the file that SPILLWAY_KEYS names, or SPILLWAY_OPEN=1',
    got: 'neither',
    hint: 'Create a key with "spillway key create". SPILLWAY_OPEN=1 opens the server to all.',
  })
}

/** Whether only this machine reaches an address. Other names than `localhost` could resolve to any address. */
export const isLoopback = (address: string): boolean =>
  address === 'localhost' ||
  address === '::1' ||
  (isIP(address) === 4 && address.startsWith('127.')) ||
  (isIP(address) === 6 && /^::ffff:127\.\d+\.\d+\.\d+$/i.test(address))
