import { messageOf } from '../../../models/core/index.ts'

export const tell = (text: string): void => void process.stderr.write(`bench:gpu: ${text}\n`)

/** What a side measures; nothing, and a word about it, where it fails: the other sides' figures are worth keeping. */
export async function measuredOrNothing<T>(side: string, measure: () => Promise<T[]>): Promise<T[]> {
  try {
    return await measure()
  } catch (cause) {
    tell(`${side} is left out, since it failed: ${messageOf(cause)}`)
    return []
  }
}
