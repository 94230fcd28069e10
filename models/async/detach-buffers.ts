const closedPort = new MessageChannel()
closedPort.port2.close()

/** Frees buffers' memory at once. It would otherwise pile up until the next collection. */
export function detachBuffers(buffers: readonly ArrayBuffer[]): void {
  // A message to a closed port is dropped with its buffers. `transfer(0)` does not free a buffer that came in a message,
  // and is newer.
  closedPort.port1.postMessage(undefined, [...buffers])
}
