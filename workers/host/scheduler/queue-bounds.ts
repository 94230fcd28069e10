/** What may wait for one model. */
export interface QueueBounds {
  readonly requests: number
  readonly rows: number
  /** Bytes of inputs. */
  readonly bytes: number
}

/** Whether a request of the size has a place. One that alone is larger than the bounds has, while nothing else waits. */
export const hasPlace = (
  { requests, rows, bytes }: QueueBounds,
  bounds: QueueBounds,
  moreRows: number,
  moreBytes: number,
): boolean =>
  requests === 0 ||
  (requests < bounds.requests && rows + moreRows <= bounds.rows && bytes + moreBytes <= bounds.bytes)

/** The share of the queue that a request takes: of the bound that it uses most of. */
export const shareOf = (rows: number, bytes: number, bounds: QueueBounds): number =>
  Math.max(1 / bounds.requests, rows / bounds.rows, bytes / bounds.bytes)
