/**
 * The names in an order that depends on the key: each key has its own, and it stays when other names come or go.
 * Source: Thaler and Ravishankar, "A Name-Based Mapping Scheme for Rendezvous", 1996.
 */
export function rendezvousOrder<T extends { readonly name: string }>(key: string, items: readonly T[]): T[] {
  const scored = items.map((item) => ({ item, score: hash(`${item.name}\n${key}`) }))
  return scored.sort((one, other) => other.score - one.score).map(({ item }) => item)
}

/** FNV-1a with the last mixing of MurmurHash3, without which similar names get similar scores. */
function hash(text: string): number {
  let value = 0x811c9dc5
  for (let at = 0; at < text.length; at++) value = Math.imul(value ^ text.charCodeAt(at), 0x01000193)
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b)
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35)
  return (value ^ (value >>> 16)) >>> 0
}
