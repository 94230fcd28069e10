import { afterAll, expect, test } from 'vitest'
import type { Manifest } from '../../models/core/index.ts'
import { noHeaders } from '../../web/remote/request-headers.ts'
import { TextService } from '../../web/text/text-service.ts'
import { byteFallbackFile, tokenizerFiles } from '../support/byte-fallback-tokenizer.ts'
import { noCalibrations } from '../support/no-calibrations.ts'
import { createLoadedHarness } from '../support/router-harness.ts'
import { scriptedGenerator } from '../support/scripted-generator.ts'
import { closeScriptedServers, listen, script, scriptedManifest } from '../support/scripted-server.ts'

afterAll(closeScriptedServers)

const manifest: Manifest = {
  ...scriptedManifest,
  tokenizer: [{ path: 'tokenizer.json', size: 1, sha256: '0'.repeat(64) }],
}

/** A page that has the model loaded, and whose device takes so long to the first token of a text. */
async function createPage(firstMs: number) {
  const { port } = await listen({ text: script })
  const harness = await createLoadedHarness(manifest)
  const { router, clock } = harness
  const tokens = scriptedGenerator({ text: script, onRequest: () => clock.advance(firstMs) })
  const files = [...tokenizerFiles({ 'tokenizer.json': byteFallbackFile }).values()]
  const texts = new TextService({
    router,
    device: {
      generator: () => tokens,
      textFiles: async () => files.map((bytes) => new Uint8Array(bytes).buffer),
    },
    calibrations: noCalibrations,
    server: new URL(`http://127.0.0.1:${port}/`),
    headers: noHeaders,
    clock,
    closing: new AbortController().signal,
  })
  const write = async () => {
    const request = { tokens: [97, 98], maxTokens: 4 }
    const { tokens, placement } = await texts.generate(manifest, request, { policy: 'auto' }).result
    return { tokens: tokens.length, tier: placement.tier, reason: placement.reason }
  }
  return { write }
}

test('a device on which a text took seconds to begin leaves the next one to the server', async () => {
  const { write } = await createPage(10_000)
  expect(await write()).toEqual({ tokens: 4, tier: 'device', reason: 'device-capable' })
  expect(await write()).toEqual({ tokens: 4, tier: 'server', reason: 'spill' })
})

test('a device on which texts begin soon keeps them', async () => {
  const { write } = await createPage(500)
  for (let text = 0; text < 3; text++)
    expect(await write()).toEqual({ tokens: 4, tier: 'device', reason: 'device-capable' })
})
