import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** Garbage that may lie about before it is collected. */
const allowed = 16 * 2 ** 20

/**
 * Node collects large buffers late, since they are not on its own heap: hundreds of megabytes of tensors that
 * are done with would pile up. Told of what was made and is garbage now, this collects it in time.
 */
export function createCollector(): (bytes: number) => void {
  setFlagsFromString('--expose-gc')
  const collect: unknown = runInNewContext('gc')
  let garbage = 0
  return (bytes) => {
    garbage += bytes
    if (garbage < allowed || typeof collect !== 'function') return
    collect()
    garbage = 0
  }
}
