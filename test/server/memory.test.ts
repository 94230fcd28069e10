import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { errorCodeHeader } from '../../models/protocols/oip.ts'
import { littleLane, tooManyRows, wideModel, wideTensors, withoutLimit } from '../support/little-memory.ts'
import { startTestApp, type TestApp } from '../support/test-app.ts'
import { emptyFolder, modelFolder } from '../support/test-models.ts'

describe.skipIf(withoutLimit)(
  `a server whose lanes run out of memory${withoutLimit ? ` (skipped: ${withoutLimit})` : ''}`,
  () => {
    let app: TestApp
    let started = 0

    beforeAll(async () => {
      const file = join(await emptyFolder(), 'model.onnx')
      await writeFile(file, wideModel())
      const folder = await modelFolder(file, {
        id: 'wide',
        title: 'Wide',
        task: 'tensor',
        ...wideTensors,
        batchAxis: 0,
        // A proof at load would leave its memory with the lane, and the request would find it there.
        batching: { evidence: 'accepted' },
        tolerance: 0,
      })
      const startLane = () => {
        started++
        return littleLane(() => {})
      }
      app = await startTestApp({ models: [folder], startLane })
    })
    afterAll(() => app.close())

    const ask = async (model: string, name: string, shape: readonly number[]) => {
      const data = new Array(shape.reduce((product, size) => product * size, 1)).fill(0.5)
      const body = JSON.stringify({ inputs: [{ name, datatype: 'FP32', shape, data }] })
      const response = await app.request(`/v2/models/${model}/infer`, { method: 'POST', body })
      const { outputs = [] } = await response.json()
      return { status: response.status, code: response.headers.get(errorCodeHeader), data: outputs[0]?.data }
    }

    test('refuses a request with too many rows and answers others, of this model and another, in the same process', async () => {
      const refused = ask('wide', 'x', [tooManyRows, 1])
      const image = ask('digits', 'image', [1, 1, 28, 28])
      expect(await refused).toMatchObject({ status: 503, code: 'memory_exhausted' })
      expect((await image).data).toHaveLength(10)
      expect(await ask('wide', 'x', [1, 1])).toMatchObject({ status: 200, data: [0.5] })
      expect(started).toBe(1)
    })
  },
)
