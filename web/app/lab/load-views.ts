import type { Placement } from '../../../models/core/index.ts'
import type { RuntimeWithFaults } from '../../api/runtime-with-faults.ts'
import type { RuntimeStats } from '../../api/stats.ts'
import { backendName, bytes, countOf, countText, tierWords } from '../../view/words.ts'
import type { Row } from './rows-view.ts'

/** The lanes, and the queues before them. */
export function laneRows({ device, server }: RuntimeStats, { faults }: RuntimeWithFaults): Row[] {
  const lanes = device.lanes.map(({ name, state, threads, sessions }): Row => {
    const restarts = Math.max(0, faults.starts(name) - 1)
    const memory = sessions.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0)
    const models = sessions.map(({ session }) => session).join(', ')
    const facts = [
      state,
      countOf(threads, 'thread'),
      `${countOf(restarts, 'restart')}`,
      models === '' ? 'no model' : `${models} in ${bytes(memory)}`,
    ]
    return { key: name, title: name, text: facts.join(', '), tier: 'device' }
  })
  const queue = (tier: Row['tier'], title: string, { queued, maxQueued, running }: QueueStats): Row => ({
    key: title,
    title,
    text: `${countText(queued)} of at most ${countText(maxQueued)} waiting, ${countOf(running, 'run')} under way`,
    ...(tier && { tier }),
  })
  return [
    ...lanes,
    queue('device', 'Queue here', device),
    ...(server ? [queue('server', 'Queue to the server', server)] : []),
  ]
}

type QueueStats = Pick<RuntimeStats['device'], 'queued' | 'maxQueued' | 'running'>

/** Where calls were answered, and why there, the most frequent first. */
export function placementRows({ placements }: RuntimeStats): Row[] {
  const rows = new Map<string, { readonly placement: Placement; requests: number }>()
  for (const { placement, requests } of placements) {
    const { tier, backend, variant, reason } = placement
    const key = [tier, backend, variant, reason].join(' ')
    const known = rows.get(key)
    rows.set(key, { placement, requests: requests + (known?.requests ?? 0) })
  }
  return [...rows].map(([key, { placement, requests }]) => {
    const { tier, backend, variant, reason, explanation } = placement
    return {
      key,
      title: `${tierWords[tier]}, ${backendName(backend)}, ${variant}`,
      text: `${countText(requests)} calls, ${reason}: ${explanation}`,
      tier,
    }
  })
}
