import {
  type FileSpec,
  type Manifest,
  type PlacementReason,
  type Tier,
  textFiles,
} from '../../models/core/index.ts'
import { runtimeFiles } from '../../workers/host/lane-client/browser/runtime-files.ts'
import type { DeviceTier } from '../device/device-tier.ts'
import type { DeviceBackend } from '../placement/candidate.ts'
import type { Outlook } from '../placement/placement-resolver.ts'
import type { Catalogue } from '../store/catalogue.ts'
import { type FileSource, keyText } from '../store/download/file-source.ts'
import { compressedShare, runtimeFile } from '../store/runtime/runtime-file.ts'
import { type ModelStore, storedBytes } from '../store/storage/model-store.ts'
import { placedAdvice } from './placed-advice.ts'

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

/** The advice for an outlook of placement's. Nothing of the model but its manifest has been downloaded. */
export async function advise(
  manifest: Manifest,
  outlook: Outlook,
  { device, store, catalogue }: AdviseTools,
): Promise<Advice> {
  const stored = async ({ key, size = 0 }: FileSource) => {
    const record = await store.file(await keyText(key))
    return record ? Math.min(storedBytes(record), size) : 0
  }
  const bytesOf = async (files: readonly FileSpec[]) => {
    const sources = files.map((file) => catalogue.fileOf(manifest, file))
    const kept = (await Promise.all(sources.map(stored))).reduce((sum, bytes) => sum + bytes, 0)
    return { kept, missing: files.reduce((sum, { size }) => sum + size, 0) - kept }
  }
  const runtimeBytes = async () => {
    const { file } = runtimeFile(runtimeFiles())
    const kept = await stored(file)
    return { kept, missing: Math.round((file.size - kept) * compressedShare) }
  }
  const onDevice = async (): Promise<DeviceAdvice | null> => {
    const { device: target, session } = outlook.choice
    if (!session) return null
    const { variant, memory, files } = session
    const [model, runtime] = await Promise.all([
      bytesOf([...files.files, ...textFiles(manifest)]),
      runtimeBytes(),
    ])
    const cost = device.costOf(session)
    return {
      backend: target.backend,
      variant,
      memoryBytes: memory,
      downloadBytes: model.missing + runtime.missing,
      storedBytes: model.kept + runtime.kept,
      ...(cost.isKnown && { runMs: cost.predict(1) }),
    }
  }
  return { ...placedAdvice(manifest, outlook), device: await onDevice() }
}
