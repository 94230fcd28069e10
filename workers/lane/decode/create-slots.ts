import { PagedKv } from '../kv/paged/paged-kv.ts'
import type { DecoderOptions } from './decoder-options.ts'
import { PagedSlots } from './paged-slots.ts'
import { SlotTable } from './slot-table.ts'
import type { SlotOwner, Slots } from './slots.ts'

/**
 * Slots over the kind of memory that the keys and values have.
 * @param mostSlots How many there may be now, where each takes memory.
 */
export function createSlots<Owner extends SlotOwner>(
  { kv, ...limits }: Pick<DecoderOptions, 'kv' | 'context' | 'maxSlots' | 'maxBytes'>,
  mostSlots: () => number,
): Slots<Owner> {
  return kv instanceof PagedKv
    ? new PagedSlots<Owner>({ kv, ...limits })
    : new SlotTable<Owner>({ kv, mostSlots, ...limits })
}
