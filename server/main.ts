import type { AddressInfo } from 'node:net'
import { serve } from '@hono/node-server'
import { systemClock } from '../models/async/clock.ts'
import { messageOf } from '../models/core/index.ts'
import { version } from '../package.json'
import { createAdminApp } from './admin.ts'
import { createApp } from './app.ts'
import { assembleServer } from './assemble-server.ts'
import { checkMayListen } from './auth/may-listen.ts'
import { createOnlyAdmin } from './auth/only-admin.ts'
import { builtFiles } from './built-files.ts'
import { readConfig } from './config.ts'
import { readConfigFile } from './config-file.ts'
import { createLog } from './http/request-log.ts'
import { allVersions, nameOf } from './inference/catalogue.ts'
import { serveApp } from './serve-app.ts'
import { Shutdown } from './shutdown.ts'

const log = createLog()

async function main(): Promise<void> {
  const config = readConfig(process.env, readConfigFile(process.env))
  checkMayListen({ ...config, hasKeys: config.keysFile !== '' })
  const assembled = await assembleServer({
    config,
    files: builtFiles(import.meta.url),
    log,
    isDraining: () => shutdown.isDraining,
  })
  const { options, repository, access, inference, tracing, reread, prepare } = assembled
  const shutdown = new Shutdown({
    inference,
    log,
    clock: systemClock,
    drainMs: config.drainMs,
    flush: async () => tracing?.close(),
    exit: (code) => process.exit(code),
  })
  const app = createApp(options)
  const server = serveApp(app, options, config.host, {
    keepAliveTimeout: config.keepAliveMs,
    requestTimeout: config.uploadMs,
    // Node refuses one that is longer.
    headersTimeout: Math.min(60_000, config.uploadMs),
  })
  server.on('error', fail)
  server.listen(config.port, config.host, () => {
    const { address, port } = server.address() as AddressInfo
    const host = address.includes(':') ? `[${address}]` : address === '127.0.0.1' ? 'localhost' : address
    log.info(
      { models: allVersions(options.catalogue).map((entry) => nameOf(options.catalogue, entry)) },
      `Spillway ${version} listens on http://${host}:${port}`,
    )
  })
  if (config.adminPort !== undefined) {
    const admin = createAdminApp({
      metrics: options.metrics,
      repository,
      onlyAdmin: createOnlyAdmin(access),
      log,
    })
    serveAdmin(admin, config.adminPort, config.adminHost)
  }
  if (config.grpcPort !== undefined) {
    // Its libraries are loaded only where it is asked for.
    const { createGrpcApp, serveGrpc } = await import('./grpc/index.ts')
    const calls = createGrpcApp({ ...options, uploadMs: config.uploadMs })
    const grpc = serveGrpc({
      calls,
      port: config.grpcPort,
      host: config.host,
      pingMs: config.keepAliveMs,
      clock: systemClock,
      begin: () => shutdown.begin(),
      onListening: ({ port }) => log.info({ port }, `gRPC is on port ${port}`),
      onError: fail,
    })
    shutdown.add(grpc)
  }
  shutdown.watch(server)
  process.on('SIGTERM', shutdown.onSignal)
  process.on('SIGINT', shutdown.onSignal)
  // In a terminal it means that the terminal was closed.
  process.on('SIGHUP', process.stdout.isTTY ? shutdown.onSignal : reread)
  await prepare()
}

function serveAdmin({ fetch }: ReturnType<typeof createAdminApp>, port: number, hostname: string): void {
  const admin = serve({ fetch, port, hostname }, ({ address, port }) =>
    log.info({ address, port }, `Administration is on port ${port}`),
  )
  admin.on('error', fail)
}

function fail(cause: unknown): void {
  log.fatal(messageOf(cause))
  log.flush(() => process.exit(1))
}

main().catch(fail)
