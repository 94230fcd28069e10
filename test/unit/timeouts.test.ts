import { describe, expect, test } from 'vitest'
import { untilDeadline } from '../../models/async/timeouts.ts'
import { noHeaders } from '../../web/remote/request-headers.ts'
import { TextService } from '../../web/text/text-service.ts'
import { createManualClock } from '../support/manual-clock.ts'
import { noCalibrations } from '../support/no-calibrations.ts'
import { digitsManifest } from '../support/test-models.ts'

const never = () => new Promise<never>(() => {})

test('work that starts after its caller left gets an aborted signal', async () => {
  const isAborted = untilDeadline(
    createManualClock(),
    50,
    AbortSignal.abort(),
    async (signal) => signal?.aborted,
  )
  expect(await isAborted).toBe(true)
})

describe('texts that wait for a tokenizer that never loads', () => {
  const manifest = { ...digitsManifest, tokenizer: [] }
  const clock = createManualClock()
  const textService = new TextService({
    router: { run: never, streamWithFailover: never },
    device: { textFiles: never, generator: () => expect.fail('nothing is generated') },
    calibrations: noCalibrations,
    server: null,
    headers: noHeaders,
    clock,
    closing: new AbortController().signal,
  })

  test('fail at their deadline', async () => {
    const vectors = textService.embed(manifest, ['a text'], { policy: 'device', deadlineMs: 100 })
    clock.advance(100)
    await expect(vectors).rejects.toMatchObject({ code: 'deadline_exceeded' })
  })

  test('fail when their caller aborts', async () => {
    const leaving = new AbortController()
    const vectors = textService.embed(manifest, ['a text'], { policy: 'device', signal: leaving.signal })
    leaving.abort()
    await expect(vectors).rejects.toMatchObject({ code: 'aborted' })
  })
})
