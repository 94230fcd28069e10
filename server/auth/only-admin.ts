import type { MiddlewareHandler } from 'hono'
import { SpillwayError } from '../../models/core/index.ts'
import type { CallContext } from '../http/call-context.ts'
import type { Variables } from '../http/request-log.ts'
import type { Access } from './access.ts'
import { checkLocal } from './only-local.ts'
import { refuseUnread } from './refuse-unread.ts'

const hint = 'Create an administrator\'s key with "spillway key create --admin".'

/**
 * Checks that a request comes from an administrator: a caller with a key of kind `admin`. On a server without keys that is
 * a program on its machine. Pages are not, although a browser on the machine sends their requests from it.
 *
 * @param path What is asked for.
 * @throws SpillwayError `access_denied`, or as `Access.identify` does.
 */
export type CheckAdmin = (c: CallContext, path: string) => Promise<void>

export const createCheckAdmin =
  (access: Pick<Access, 'identify'> | undefined): CheckAdmin =>
  async (c, path) => {
    if (!access) {
      if (c.req.header('origin') !== undefined) throw denied(path, 'a program', 'a page')
      checkLocal(c, path, hint)
      return
    }
    // The guard of the server's own port has read the key already.
    const { kind, name } = c.get('key') ?? (await access.identify(c))
    if (kind !== 'admin') throw denied(path, 'a key of kind "admin"', `the key ${name} of kind "${kind}"`)
  }

/** Lets administrators in. */
export const createOnlyAdmin = (
  access: Pick<Access, 'identify'> | undefined,
): MiddlewareHandler<{ Variables: Variables }> => {
  const check = createCheckAdmin(access)
  return async (c, next) => {
    try {
      await check(c, c.req.path)
    } catch (cause) {
      refuseUnread(c)
      throw cause
    }
    return next()
  }
}

const denied = (path: string, expected: string, got: string) =>
  new SpillwayError('access_denied', `${path} is for administrators`, { expected, got, hint })
