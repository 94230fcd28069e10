import { expect, test } from 'vitest'
import { createRuntime } from '../../web/api/index.ts'

const server = 'http://localhost:1/'

test('createRuntime() waits for nothing', async () => {
  const order: string[] = []
  const created = createRuntime({ server }).then((runtime) => {
    order.push('runtime')
    return runtime
  })
  await Promise.resolve()
  order.push('the next microtask')
  expect(order).toEqual(['runtime', 'the next microtask'])
  const runtime = await created
  runtime.close()
})

test.each(['close', 'dispose', Symbol.dispose] as const)(
  '%s may be called again, and later calls reject',
  async (end) => {
    const runtime = await createRuntime({ server })
    runtime[end]()
    runtime[end]()
    for (const call of [runtime.model('digits'), runtime.advise('digits'), runtime.catalogue()])
      await expect(call).rejects.toMatchObject({ code: 'closed' })
  },
)
