import type { Clock } from '../../../models/async/clock.ts'
import { SpillwayError } from '../../../models/core/index.ts'
import { serverUnreachable } from '../../../web/remote/request.ts'
import type { Random } from './random.ts'
import { Replica, type ReplicaOptions } from './replica.ts'
import type { Workload } from './workload.ts'

export type Kind = 'cpu' | 'gpu'

/** A replica behind the balancer, which may be replaced. */
interface Server {
  readonly kind: Kind
  readonly region: number
  replica: Replica
  /** Whether it answers. */
  isUp: boolean
  /** What the balancer believes. */
  isKnownUp: boolean
  /** Cut the connections in flight. */
  readonly inFlight: Set<() => void>
  /** Milliseconds that its former replicas worked. */
  formerMs: number
}

export interface FleetOptions extends Pick<ReplicaOptions, 'runMs' | 'admitsAll'> {
  readonly clock: Clock
  readonly random: Random
  /** Replicas of each kind, in turns in one region and the other. */
  readonly replicas: Readonly<Record<Kind, number>>
  /** Lanes of a replica without a GPU. */
  readonly lanes: number
}

/** Milliseconds until the balancer's checks see that a replica is down, or up again (Kubernetes: three checks of ten seconds). */
const detectionMs = 30_000

/** Milliseconds until a connection to a replica that is down is given up. */
const connectMs = 1_000

const address = new URL('https://ai.example.com/')

const unreachable = () => serverUnreachable(address, new Error('The connection was cut'))

/** Replicas in two regions behind one balancer, which sends a request to the less busy of two that it draws. */
export class Fleet {
  readonly #options: FleetOptions
  readonly #servers: readonly Server[]

  constructor(options: FleetOptions) {
    this.#options = options
    this.#servers = (['cpu', 'gpu'] as const).flatMap((kind) =>
      Array.from({ length: options.replicas[kind] }, (_, at) => this.#createServer(kind, at % 2)),
    )
  }

  /** Milliseconds that replicas of a kind worked so far. */
  busyMs(kind: Kind): number {
    return this.#servers.reduce(
      (sum, { kind: own, replica, formerMs }) => (own === kind ? sum + replica.busyMs + formerMs : sum),
      0,
    )
  }

  /** Whether a model's requests go to replicas with a GPU. */
  kindOf({ texts }: Workload): Kind {
    return texts ? 'gpu' : 'cpu'
  }

  /**
   * One exchange with a replica that the balancer chooses. It ends when the work does, or with the replica.
   *
   * @throws SpillwayError `server_unreachable`, or the replica's own as it crosses HTTP.
   */
  async exchange<T>(workload: Workload, work: (replica: Replica) => Promise<T>): Promise<T> {
    const server = this.#choose(this.kindOf(workload))
    if (!server) throw unreachable()
    if (!server.isUp) {
      await new Promise<void>((resolve) => this.#options.clock.after(connectMs, resolve))
      throw unreachable()
    }
    const { replica, inFlight } = server
    let cut = () => {}
    replica.outstanding++
    try {
      return await new Promise<T>((resolve, reject) => {
        // What the replica had is lost with it.
        cut = () => reject(unreachable())
        inFlight.add(cut)
        work(replica).then(resolve, (cause: unknown) => reject(overHttp(cause)))
      })
    } finally {
      replica.outstanding--
      inFlight.delete(cut)
    }
  }

  /** All replicas of a region die, with what they had. */
  loseRegion(region: number): void {
    for (const server of this.#servers) {
      if (server.region !== region) continue
      server.isUp = false
      for (const cut of [...server.inFlight]) cut()
      server.formerMs += server.replica.busyMs
      server.replica = this.#createReplica(server.kind)
      this.#options.clock.after(detectionMs, () => {
        server.isKnownUp = false
      })
    }
  }

  /** New replicas take their places. */
  restoreRegion(region: number): void {
    for (const server of this.#servers) {
      if (server.region !== region) continue
      server.isUp = true
      this.#options.clock.after(detectionMs, () => {
        server.isKnownUp = true
      })
    }
  }

  #choose(kind: Kind): Server | undefined {
    const known = this.#servers.filter((server) => server.kind === kind && server.isKnownUp)
    const [one, other] = [0, 0].map(() => known[this.#options.random.whole(0, known.length - 1)])
    return one && other && other.replica.outstanding < one.replica.outstanding ? other : one
  }

  #createServer(kind: Kind, region: number): Server {
    const replica = this.#createReplica(kind)
    return { kind, region, replica, isUp: true, isKnownUp: true, inFlight: new Set(), formerMs: 0 }
  }

  #createReplica(kind: Kind): Replica {
    const { clock, lanes, runMs, admitsAll } = this.#options
    return new Replica({
      clock,
      runMs,
      admitsAll,
      ...(kind === 'gpu' ? { backend: 'cuda', lanes: 1 } : { backend: 'cpu', lanes }),
    })
  }
}

/** An error as the page reads it from the response: its code, and `Retry-After` in whole seconds. */
function overHttp(cause: unknown): unknown {
  if (!(cause instanceof SpillwayError)) return cause
  const { code, message, detail } = cause
  const { retryAfterMs } = detail
  return SpillwayError.fromWire({
    code,
    message,
    detail: retryAfterMs === undefined ? {} : { retryAfterMs: Math.ceil(retryAfterMs / 1000) * 1000 },
  })
}
