/** A lane's worker on a device with little memory. */
import './limit-memory.ts'
import '../../../workers/lane/browser/entry.ts'
