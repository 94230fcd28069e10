import type { Manifest, PlacementReason, Tier } from '../../models/core/index.ts'
import { runtimeFiles } from '../../workers/host/lane-client/browser/runtime-files.ts'
import type { DeviceTier } from '../device/device-tier.ts'
import type { DeviceBackend } from '../placement/candidate.ts'
import type { Outlook } from '../placement/placement-resolver.ts'
import type { Catalogue } from '../store/catalogue.ts'
import { type FileSource, keyText } from '../store/download/file-source.ts'
import { compressedShare, runtimeFile } from '../store/runtime/runtime-file.ts'
import { type ModelStore, storedBytes } from '../store/storage/model-store.ts'
import { adviseOnDevice } from './device-advice.ts'

/** Whether and where a model will run here. */
export interface Advice {
  readonly manifest: Manifest
  /** Where requests run once the model is loaded; `null` where the policy leaves no tier that can run it. */
  readonly tier: Tier | null
  /** Why there; absent where `tier` is `null`. */
  readonly reason?: PlacementReason
  /** The same in words. */
  readonly explanation: string
  /** How the device would run the model, whichever tier the policy prefers; `null` where it cannot. */
  readonly device: DeviceAdvice | null
}

/** How the device would run a model, and what that takes. */
export interface DeviceAdvice {
  readonly backend: DeviceBackend
  readonly variant: string
  /** Bytes that it takes in a lane. */
  readonly memoryBytes: number
  /** Bytes to download: the model's files, and an estimate for ONNX Runtime where the browser does not keep it. */
  readonly downloadBytes: number
  /** Bytes of both that are stored. */
  readonly storedBytes: number
  /** Milliseconds of a run of one row, as measured on this hardware; absent where it was not measured. */
  readonly runMs?: number
}

export interface AdviseTools {
  readonly device: Pick<DeviceTier, 'costOf'>
  readonly store: Pick<ModelStore, 'file'>
  readonly catalogue: Pick<Catalogue, 'fileOf'>
}

/** The advice for an outlook of placement's, with ONNX Runtime's share where the browser does not keep it. */
export function advise(
  manifest: Manifest,
  outlook: Outlook,
  { device, store, catalogue }: AdviseTools,
): Promise<Advice> {
  const stored = async ({ key, size = 0 }: FileSource) => {
    const record = await store.file(await keyText(key))
    return record ? Math.min(storedBytes(record), size) : 0
  }
  const runtimeBytes = async () => {
    const { file } = runtimeFile(runtimeFiles())
    const kept = await stored(file)
    return { kept, missing: Math.round((file.size - kept) * compressedShare) }
  }
  return adviseOnDevice(manifest, outlook, device, async (files) => {
    const sources = files.map((file) => catalogue.fileOf(manifest, file))
    const [runtime, ...models] = await Promise.all([runtimeBytes(), ...sources.map(stored)])
    const kept = models.reduce((sum, bytes) => sum + bytes, 0)
    const missing = files.reduce((sum, { size }) => sum + size, 0) - kept
    return { kept: kept + runtime.kept, missing: missing + runtime.missing }
  })
}
