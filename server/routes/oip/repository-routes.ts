import { type Context, Hono, type MiddlewareHandler } from 'hono'
import { SpillwayError } from '../../../models/core/index.ts'
import { showValue } from '../../../models/core/wording.ts'
import { repositoryIndexRequest, repositoryRequest } from '../../../models/protocols/oip-repository.ts'
import { readJson } from '../../http/read-json.ts'
import type { Variables } from '../../http/request-log.ts'
import type { ModelRepository } from '../../inference/model-repository.ts'

const shared = { what: 'The request', maxBytes: 65_536, mayBeEmpty: true }
const indexBody = { ...shared, schema: repositoryIndexRequest }
const body = { ...shared, schema: repositoryRequest }

export interface RepositoryRoutesOptions {
  readonly repository: ModelRepository
  /** Lets administrators in; where it is absent, nobody loads and unloads models here. */
  readonly onlyAdmin?: MiddlewareHandler<{ Variables: Variables }> | undefined
}

/** The model repository extension. Everybody who may call reads the list: it tells no more than the models' metadata. */
export function repositoryRoutes({ repository, onlyAdmin }: RepositoryRoutesOptions) {
  const nameOf = async (c: Context, known: readonly string[]): Promise<string> => {
    const { parameters } = await readJson(c, body)
    refuseUnknown(parameters ?? {}, known)
    return c.req.param('name') ?? ''
  }
  const app = new Hono<{ Variables: Variables }>().post('/index', async (c) => {
    const { ready } = await readJson(c, indexBody)
    return c.json(repository.index(ready === true))
  })
  if (!onlyAdmin) return app
  return (
    app
      .post('/models/:name/load', onlyAdmin, async (c) => {
        await repository.load(await nameOf(c, []))
        return c.body(null, 200)
      })
      // No model here depends on another: unloading those as well is the same.
      .post('/models/:name/unload', onlyAdmin, async (c) => {
        repository.unload(await nameOf(c, ['unload_dependents']))
        return c.body(null, 200)
      })
  )
}

/** A parameter that is passed over would change what is loaded: Triton's `config` and `file:` replace the model's own. */
function refuseUnknown(parameters: Readonly<Record<string, unknown>>, known: readonly string[]): void {
  const param = Object.keys(parameters).find((name) => !known.includes(name))
  if (param === undefined) return
  throw new SpillwayError('not_supported', `This server does not support the parameter "${param}"`, {
    got: showValue(parameters[param]),
    hint: "The model's folder is loaded as it is: change its files there.",
    param,
  })
}
