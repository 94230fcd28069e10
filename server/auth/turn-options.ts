import { levelOf, type Priority } from '../../workers/host/scheduler/priority.ts'
import type { WaitOptions } from '../../workers/host/scheduler/work.ts'
import type { CallContext } from '../http/call-context.ts'

/** How a request waits beside those of others: by its caller, and by what the entry of the caller's key allows. */
export function turnOptions(
  c: Pick<CallContext, 'get'>,
  asked: Priority = 'normal',
): Pick<WaitOptions, 'caller' | 'weight' | 'priority'> {
  const { weight, highestPriority = 'high' } = c.get('key') ?? {}
  const priority = levelOf(asked) < levelOf(highestPriority) ? highestPriority : asked
  return { caller: c.get('caller'), weight, priority }
}
