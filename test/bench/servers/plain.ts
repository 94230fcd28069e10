/** The plain way: Hono and onnxruntime-node, each request run alone on the event loop. */
import { join } from 'node:path'
import { Hono } from 'hono'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { readCatalogue } from '../../../server/catalogue.ts'
import { measureDelay } from './delay.ts'
import { listen } from './listen.ts'

const catalogue = await readCatalogue(process.argv.slice(2))
const sessions = new Map<string, InferenceSession>()
for (const { manifest, folder } of catalogue.values()) {
  const file = join(folder, manifest.variants[0]?.files[0]?.path ?? '')
  sessions.set(manifest.id, await InferenceSession.create(file, { intraOpNumThreads: 2 }))
}

const app = new Hono().post('/v2/models/:name/infer', async (c) => {
  const session = sessions.get(c.req.param('name'))
  const { inputs } = await c.req.json()
  if (!session) return c.json({ error: 'No such model' }, 404)
  const feeds: Record<string, Tensor> = {}
  for (const { name, datatype, shape, data } of inputs) {
    const array = datatype === 'INT32' ? Int32Array.from(data) : Float32Array.from(data)
    feeds[name] = new Tensor(datatype === 'INT32' ? 'int32' : 'float32', array, shape)
  }
  const results = await session.run(feeds)
  const outputs = Object.entries(results).map(([name, { dims, data }]) => ({
    name,
    shape: dims,
    datatype: 'FP32',
    data: Array.from(data as Float32Array),
  }))
  return c.json({ model_name: c.req.param('name'), outputs })
})
listen(measureDelay(app))
