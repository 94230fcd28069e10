import type { MiddlewareHandler } from 'hono'
import { SpillwayError } from '../../models/core/index.ts'
import type { Variables } from '../http/request-log.ts'
import type { Access } from './access.ts'
import { createOnlyLocal } from './only-local.ts'
import { refuseUnread } from './refuse-unread.ts'

const hint = 'Create an administrator\'s key with "spillway key create --admin".'

const onlyLocal = createOnlyLocal(hint)

/**
 * Lets administrators in: callers with a key of kind `admin`. On a server without keys they are the programs on its
 * machine. Pages are not, although a browser on the machine sends their requests from it.
 */
export const createOnlyAdmin =
  (access: Pick<Access, 'identify'> | undefined): MiddlewareHandler<{ Variables: Variables }> =>
  async (c, next) => {
    try {
      if (access) {
        // The guard of the server's own port has read the key already.
        const { kind, name } = c.get('key') ?? (await access.identify(c))
        if (kind !== 'admin')
          throw denied(c.req.path, 'a key of kind "admin"', `the key ${name} of kind "${kind}"`)
      } else if (c.req.header('origin') !== undefined) throw denied(c.req.path, 'a program', 'a page')
    } catch (cause) {
      refuseUnread(c)
      throw cause
    }
    return access ? next() : onlyLocal(c, next)
  }

const denied = (path: string, expected: string, got: string) =>
  new SpillwayError('access_denied', `${path} is for administrators`, { expected, got, hint })
