import { Counter, Gauge, type Registry } from 'prom-client'

type Labels<Name extends string> = Readonly<Partial<Record<Name, string>>>

/** The values of one metric now, with their labels. */
export type Samples<Name extends string> = Iterable<readonly [labels: Labels<Name>, value: number]>

/**
 * A counter whose values are kept elsewhere, as plain numbers, and read when it is scraped: counting them costs a request
 * an addition.
 */
export function collectedCounter<Name extends string>(
  registry: Registry,
  name: string,
  help: string,
  labelNames: readonly Name[],
  samples: () => Samples<Name>,
): void {
  new Counter({
    name,
    help,
    labelNames: [...labelNames],
    registers: [registry],
    collect() {
      refill(this, samples())
    },
  })
}

/** The same for a value that may fall. */
export function collectedGauge<Name extends string>(
  registry: Registry,
  name: string,
  help: string,
  labelNames: readonly Name[],
  samples: () => Samples<Name>,
): void {
  new Gauge({
    name,
    help,
    labelNames: [...labelNames],
    registers: [registry],
    collect() {
      refill(this, samples())
    },
  })
}

/** Both kinds of metrics begin at 0 again. */
function refill<Name extends string>(
  metric: Pick<Counter<Name> | Gauge<Name>, 'reset' | 'inc'>,
  samples: Samples<Name>,
): void {
  metric.reset()
  for (const [labels, value] of samples) metric.inc(labels, value)
}
