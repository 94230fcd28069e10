/** How many characters at the end of a text may be the beginning of a marker. */
export function heldBack(text: string, marker: string): number {
  for (let length = Math.min(text.length, marker.length - 1); length > 0; length--)
    if (text.endsWith(marker.slice(0, length))) return length
  return 0
}
