import { type FileSpec, type Manifest, textFiles } from '../../models/core/index.ts'
import type { DeviceTier } from '../device/device-tier.ts'
import type { Outlook } from '../placement/placement-resolver.ts'
import type { Advice } from './advise.ts'
import { placedAdvice } from './placed-advice.ts'

/** Bytes of files that are stored, and that have to be downloaded. */
export interface StoredBytes {
  readonly kept: number
  readonly missing: number
}

/**
 * The advice for an outlook of placement's. Nothing of the model but its manifest has been downloaded.
 *
 * @param count Counts what the device needs beside these files, too.
 */
export async function adviseOnDevice(
  manifest: Manifest,
  outlook: Outlook,
  device: Pick<DeviceTier, 'costOf'>,
  count: (files: readonly FileSpec[]) => Promise<StoredBytes>,
): Promise<Advice> {
  const { device: target, session } = outlook.choice
  if (!session) return { ...placedAdvice(manifest, outlook), device: null }
  const { variant, memory, files } = session
  const { kept, missing } = await count([...files.files, ...textFiles(manifest)])
  const cost = device.costOf(session)
  return {
    ...placedAdvice(manifest, outlook),
    device: {
      backend: target.backend,
      variant,
      memoryBytes: memory,
      downloadBytes: missing,
      storedBytes: kept,
      ...(cost.isKnown && { runMs: cost.predict(1) }),
    },
  }
}
