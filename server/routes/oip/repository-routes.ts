import { type Context, Hono, type MiddlewareHandler } from 'hono'
import { repositoryIndexRequest, repositoryRequest } from '../../../models/protocols/oip-repository.ts'
import { readJson } from '../../http/read-json.ts'
import type { Variables } from '../../http/request-log.ts'
import type { ModelRepository } from '../../inference/model-repository.ts'
import { loadParameters, refuseUnknown, unloadParameters } from './repository-parameters.ts'

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
  return app
    .post('/models/:name/load', onlyAdmin, async (c) => {
      await repository.load(await nameOf(c, loadParameters))
      return c.body(null, 200)
    })
    .post('/models/:name/unload', onlyAdmin, async (c) => {
      repository.unload(await nameOf(c, unloadParameters))
      return c.body(null, 200)
    })
}
