import { describe, expect, test } from 'vitest'
import { SpillwayError } from '../../models/core/index.ts'
import { LaneHolder } from '../../workers/host/pool/lane-holder.ts'
import { LoadHistory } from '../../workers/host/pool/load-history.ts'
import type { SessionSpec } from '../../workers/host/scheduler/work.ts'
import { createManualClock } from '../support/manual-clock.ts'
import { createManualLanes } from '../support/manual-lanes.ts'
import { digitsManifest } from '../support/test-models.ts'

const spec: SessionSpec = {
  key: 'digits',
  manifest: digitsManifest,
  backend: 'cpu',
  variant: 'fp32',
  memory: 1,
  request: async () => ({
    session: 'digits',
    backend: 'cpu',
    source: { from: 'file', path: 'digits' },
    inputs: [],
    outputs: [],
    batchAxis: 0,
  }),
}

function create() {
  const clock = createManualClock()
  const { lanes, startLane } = createManualLanes(clock, { cores: 1, msPerRow: 1, startMs: 10, loadMs: 10 })
  let idles = 0
  const holder = new LaneHolder({
    name: 'cpu-0',
    threads: 1,
    startLane,
    clock,
    reserveMemory: async (_spec, reserve) => reserve(),
    history: new LoadHistory(clock, () => {}),
    onIdle: () => idles++,
  })
  const load = async () => {
    const loading = holder.load(spec)
    for (let turn = 0; turn < 20; turn++) {
      await new Promise(setImmediate)
      clock.advance(5)
    }
    return loading
  }
  return { clock, holder, lanes, load, idles: () => idles }
}

describe('LaneHolder', () => {
  test('is busy from the call of load until its lease is released', async () => {
    const { holder, load, idles } = create()
    expect(holder.lease('digits', 'job')).toBeUndefined()
    const loading = load()
    expect([holder.isFree, holder.state, holder.isLoading('digits')]).toEqual([false, 'down', true])
    const { release } = await loading
    expect([holder.isFree, holder.state, holder.has('digits')]).toEqual([false, 'busy', true])
    release()
    expect([holder.isFree, holder.state, idles()]).toEqual([true, 'idle', 1])
  })

  test('leases a loaded session at once, for one job and for work beside it', async () => {
    const { holder, lanes, load } = create()
    const first = await load()
    first.release()
    const shared = holder.lease('digits', 'shared')
    expect(holder.isFree).toBe(true)
    const job = holder.lease('digits', 'job')
    expect([shared?.lane, job?.lane]).toEqual([lanes[0], lanes[0]])
    expect(holder.isFree).toBe(false)
    job?.release()
    expect([holder.isFree, holder.isUsing('digits')]).toEqual([true, true])
    shared?.release()
    shared?.release()
    expect(holder.isUsing('digits')).toBe(false)
  })

  test('drains: it takes no more work, and ends its lane with the last lease', async () => {
    const { holder, lanes, load } = create()
    const job = await load()
    const shared = holder.lease('digits', 'shared')
    holder.drain()
    expect([holder.isFree, holder.lease('digits', 'shared')]).toEqual([false, undefined])
    job.release()
    expect(lanes[0]?.isAlive).toBe(true)
    shared?.release()
    expect([lanes[0]?.isAlive, holder.state]).toEqual([false, 'down'])
    await expect(holder.load(spec)).rejects.toMatchObject({ code: 'closed' })
  })

  test('forgets sessions and leases with a lane that dies, and starts another', async () => {
    const { holder, lanes, load } = create()
    const job = await load()
    const shared = holder.lease('digits', 'shared')
    lanes[0]?.kill(new SpillwayError('lane_lost', 'Killed'))
    await new Promise(setImmediate)
    job.release()
    expect([holder.state, holder.has('digits'), holder.isShared]).toEqual(['down', false, false])
    const again = await load()
    expect(again.lane).toBe(lanes[1])
    // Its lease ended with the first lane.
    shared?.release()
    expect(holder.has('digits')).toBe(true)
  })
})
