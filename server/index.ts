/** The server as a part of another application: start with `createServer`. */
export { SpillwayError } from '../models/core/index.ts'
export { createServer, type SpillwayServer } from './create-server.ts'
export type { LogDestination } from './http/log-destination.ts'
export type { ServerOptions } from './server-options.ts'
export type { ServerSettings } from './server-settings.ts'
