/** A bare proxy: Node's server and undici, which read a request whole, send it on and read the answer whole. */
import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { Agent } from 'undici'

const [origin = ''] = process.argv.slice(2)
const agent = new Agent()

/** The headers of tensors; the others belong to a connection. */
const names = ['content-type', 'inference-header-content-length']

const pick = (headers: IncomingMessage['headers'] | Record<string, string | string[] | undefined>) =>
  Object.fromEntries(names.flatMap((name) => (headers[name] === undefined ? [] : [[name, headers[name]]])))

const server = createServer(async (request, response) => {
  const { statusCode, headers, body } = await agent.request({
    origin,
    path: request.url ?? '/',
    method: 'POST',
    headers: pick(request.headers),
    body: await buffer(request),
  })
  const bytes = await body.bytes()
  response.writeHead(statusCode, { ...pick(headers), 'content-length': bytes.length }).end(bytes)
})
server.listen(0, '127.0.0.1')
await once(server, 'listening')
const address = server.address()
process.on('disconnect', () => process.exit(0))
process.send?.({ port: typeof address === 'object' ? address?.port : undefined })
