import type { Clock } from '../../models/async/clock.ts'
import type { SpillwayError } from '../../models/core/index.ts'
import type { CatalogueEntry } from '../inference/catalogue.ts'
import { retireModel } from '../inference/retire-model.ts'
import { keyHeaders, type UpstreamConfig } from './config.ts'
import { oipProtocol } from './oip-protocol.ts'
import { openAiProtocol } from './openai/protocol.ts'
import { type Protocol, Upstream, type UpstreamModel } from './upstream.ts'

const protocols: Readonly<Record<UpstreamConfig['protocol'], (model: UpstreamModel) => Protocol>> = {
  oip: oipProtocol,
  openai: openAiProtocol,
}

/** The upstreams of this server's models. */
export class Upstreams {
  readonly #clock: Clock
  readonly #log: UpstreamModel['log']
  readonly #byEntry = new Map<CatalogueEntry, Upstream>()

  /** @param log Has a line when a replica goes out, and when it is in again. */
  constructor(clock: Clock, log: UpstreamModel['log']) {
    this.#clock = clock
    this.#log = log
  }

  /** The model's upstream; undefined for one that this server runs itself. */
  of(entry: CatalogueEntry): Upstream | undefined {
    const config = entry.upstream
    if (!config) return undefined
    let upstream = this.#byEntry.get(entry)
    if (!upstream) {
      const model = { entry, config, clock: this.#clock, log: this.#log, headers: keyHeaders(config) }
      upstream = new Upstream(model, protocols[config.protocol](model))
      this.#byEntry.set(entry, upstream)
    }
    return upstream
  }

  /** Those that have been used. */
  get all(): readonly Upstream[] {
    return [...this.#byEntry.values()]
  }

  /** Lets go of the upstream of a model that is no longer offered, once its last request has been answered. */
  retire(entry: CatalogueEntry): void {
    const upstream = this.#byEntry.get(entry)
    if (!upstream) return
    const unload = async () => {
      upstream.close()
      this.#byEntry.delete(entry)
      return true
    }
    retireModel({ isWanted: () => false, isInUse: () => upstream.inFlight > 0, unload }, this.#clock)
  }

  close(reason?: SpillwayError): void {
    for (const upstream of this.all) upstream.close(reason)
  }
}
