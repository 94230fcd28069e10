import { serve } from '@hono/node-server'
import { Hono } from 'hono'
import { createServer } from 'spillway/server'

const spillway = await createServer({ maxQueued: 100 })
const app = new Hono()

app.get('/', (c) => c.text('The models are below /ai.'))
app.route('/ai', spillway.app)

const port = Number(process.env.PORT ?? 3000)
const server = serve({ fetch: app.fetch, port }, (address) => {
  process.stdout.write(`The application is at http://localhost:${address.port}/\n`)
})

process.on('SIGTERM', async () => {
  server.close()
  await spillway.close()
})
