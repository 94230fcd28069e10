/** Asks for persistence, unless the browser would ask the visitor. */
export async function persistQuietly(): Promise<void> {
  const { permissions, storage } = navigator
  try {
    const { state } = await permissions.query({ name: 'persistent-storage' })
    if (state === 'granted' && !(await storage.persisted())) await storage.persist()
  } catch {
    // Plain http has no persistent storage, and some browsers do not know the permission.
  }
}
