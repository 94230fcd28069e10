import { startServer, type TestServer } from '../server.ts'
import { emptyFolder } from '../test-models.ts'
import { startTriton, type TritonServer } from '../triton-server.ts'
import { writeUpstream } from '../upstream-front.ts'

/** A server, and the replicas of the upstream that runs its model `there`. */
export interface FaultyServer {
  readonly server: TestServer
  readonly engines: readonly TritonServer[]
  /** Resolves to the server's exit code. */
  stop(): Promise<number | null>
}

/** The built server with lanes for `digits` and `bard`, and two replicas of an upstream for `there`. */
export async function startFaultyServer(env: Record<string, string> = {}): Promise<FaultyServer> {
  const engines = await Promise.all([startTriton('digits'), startTriton('digits')])
  const folder = await emptyFolder()
  await writeUpstream(folder, 'there', { model: 'digits', urls: engines.map(({ url }) => url.href) })
  const server = await startServer({ ...env, SPILLWAY_MODELS: folder })
  return {
    server,
    engines,
    stop: async () => {
      const code = await server.stop()
      await Promise.all(engines.map((engine) => engine.stop()))
      return code
    },
  }
}
