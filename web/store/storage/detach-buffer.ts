const closedPort = new MessageChannel()
closedPort.port2.close()

/** Gives a buffer's memory back at once: chunks that were copied would pile up beside the file until a collection. */
export function detachBuffer(buffer: ArrayBuffer): void {
  // What is posted to a closed port is gone. `transfer(0)` does not free what came in a message, and is younger.
  closedPort.port1.postMessage(undefined, [buffer])
}

/** Bytes of a buffer that nobody touches: it has addresses, and no memory. */
const pressureBytes = 64 * 2 ** 20

/**
 * Hastens the next collection. Until then a browser keeps copies of its own of each value that was read from
 * IndexedDB, and it is in no hurry about what does not lie in the script's heap.
 */
export function hastenCollection(): void {
  try {
    new ArrayBuffer(pressureBytes)
  } catch {
    // With so little room left it collects anyway.
  }
}
