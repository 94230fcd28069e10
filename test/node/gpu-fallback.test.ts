import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { systemClock } from '../../models/async/clock.ts'
import { checkInputs } from '../../models/core/index.ts'
import { makeManifest, writeManifest } from '../../models/tools/manifest/write.ts'
import { readCatalogue } from '../../server/inference/catalogue.ts'
import { createInference, type Inference } from '../../server/inference/inference.ts'
import { losableGpus } from '../support/lost-device.ts'
import { createManualClock } from '../support/manual-clock.ts'
import { processLane } from '../support/process-lane.ts'
import { smallGraphs } from '../support/small-models.ts'
import { emptyFolder } from '../support/test-models.ts'

const built = losableGpus(1)
const absent = typeof built === 'string' ? built : undefined

const opened: Inference[] = []
afterEach(() => {
  for (const inference of opened.splice(0)) inference.close()
})

describe.skipIf(absent)(
  `A GPU that is lost again and again${absent === undefined ? '' : `: ${absent}`}`,
  () => {
    if (typeof built === 'string') return
    const [gpu] = built.gpus
    if (!gpu) throw new Error('There is one')

    const open = async (folder: string) => {
      const clock = createManualClock()
      const reports: string[] = []
      const inference = createInference({
        backends: ['webgpu'],
        cores: 1,
        memoryBudget: 2 ** 33,
        queue: { requests: 10 },
        startLane: () => processLane(systemClock, undefined, built.env),
        clock,
        gpuReports: {
          onSuspend: (device, forMs) => reports.push(`${device} suspended for ${forMs / 1000} s`),
          onResume: (device) => reports.push(`${device} resumed`),
          onMeasured: () => reports.push('measured'),
        },
      })
      opened.push(inference)
      gpu.repair()
      const [entry] = (await readCatalogue([folder])).values()
      if (!entry) throw new Error('There is no model')
      await inference.prepare(entry)
      return { clock, reports, inference, entry }
    }

    test('is not used for a while: every request is answered, on the CPU', async () => {
      const folder = await emptyFolder()
      await writeFile(join(folder, 'model.onnx'), smallGraphs.twice)
      writeManifest(join(folder, 'manifest.json'), await makeManifest(folder))
      const { clock, reports, inference, entry } = await open(folder)
      const inputs = () => checkInputs(entry.manifest, { x: Float32Array.of(1, 2, 3) })
      const ask = async () => {
        const { outputs, executedOn } = await inference.run(entry, inputs(), {})
        expect(outputs.y?.data).toEqual(Float32Array.of(2, 4, 6))
        return executedOn.backend
      }
      expect(await ask()).toBe('webgpu')
      gpu.lose()
      expect(await Promise.all([ask(), ask(), ask()])).toEqual(['cpu', 'cpu', 'cpu'])
      expect(reports).toEqual(['gpu suspended for 60 s'])
      expect(inference.gpuStates()).toEqual([{ device: 'gpu', losses: 2, isSuspended: true }])
      expect(inference.laneCounts.ends.device).toBe(2)
      gpu.repair()
      clock.advance(60_000)
      expect(reports.at(-1)).toBe('gpu resumed')
      expect(await ask()).toBe('webgpu')
    })
  },
)
