const closedPort = new MessageChannel()
closedPort.port2.close()

/** Frees a buffer's memory at once. Copied chunks would otherwise pile up beside the file until the next collection. */
export function detachBuffer(buffer: ArrayBuffer): void {
  // A message to a closed port is dropped with its buffer. `transfer(0)` does not free a buffer that came in a message,
  // and is newer.
  closedPort.port1.postMessage(undefined, [buffer])
}
