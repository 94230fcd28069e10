/** The plain server: Hono and onnxruntime-node, each request run alone on the event loop. Accepts JSON and binary tensors. */
import { join } from 'node:path'
import { type Context, Hono } from 'hono'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { readCatalogue } from '../../../server/inference/catalogue.ts'
import { listen } from './listen.ts'

const catalogue = await readCatalogue(process.argv.slice(2))
const sessions = new Map<string, InferenceSession>()
for (const { manifest, folder } of catalogue.values()) {
  const file = join(folder, manifest.variants[0]?.files[0]?.path ?? '')
  sessions.set(manifest.id, await InferenceSession.create(file, { intraOpNumThreads: 2 }))
}

interface Feed {
  readonly name: string
  readonly datatype: string
  readonly shape: number[]
  readonly data: number[] | ArrayBuffer
}

const lengthHeader = 'inference-header-content-length'

/** The request's only input: the models of this bench have one each. */
async function readInput(c: Context): Promise<Feed> {
  const length = c.req.header(lengthHeader)
  if (length === undefined) return (await c.req.json()).inputs[0]
  const body = await c.req.arrayBuffer()
  const [input] = JSON.parse(new TextDecoder().decode(body.slice(0, Number(length)))).inputs
  return { ...input, data: body.slice(Number(length)) }
}

function toTensor({ datatype, shape, data }: Feed): Tensor {
  const type = datatype === 'INT32' ? Int32Array : Float32Array
  const array = data instanceof ArrayBuffer ? new type(data) : type.from(data)
  return new Tensor(datatype === 'INT32' ? 'int32' : 'float32', array, shape)
}

const app = new Hono().post('/v2/models/:name/infer', async (c) => {
  const name = c.req.param('name')
  const session = sessions.get(name)
  if (!session) return c.json({ error: 'No such model' }, 404)
  const input = await readInput(c)
  const results = Object.entries(await session.run({ [input.name]: toTensor(input) }))
  const encode = (data: (values: Float32Array) => object) =>
    JSON.stringify({
      model_name: name,
      outputs: results.map(([name, { dims, data: values }]) => ({
        name,
        shape: dims,
        datatype: 'FP32',
        ...data(values as Float32Array),
      })),
    })
  if (c.req.header(lengthHeader) === undefined) {
    c.header('content-type', 'application/json')
    return c.body(encode((values) => ({ data: Array.from(values) })))
  }
  const json = Buffer.from(encode(({ byteLength }) => ({ parameters: { binary_data_size: byteLength } })))
  c.header(lengthHeader, String(json.length))
  const tensors = results.map(([, { data }]) => Buffer.from((data as Float32Array).buffer))
  return c.body(Buffer.concat([json, ...tensors]))
})
listen(app)
