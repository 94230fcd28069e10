/** The code that a program with lanes needs after it has its first manifest. */
import type { Manifest } from '../../../models/core/index.ts'
import type { AdviseTools } from '../../api/advise.ts'
import { adviseOnDevice } from '../../api/device-advice.ts'
import type { Outlook } from '../../placement/placement-resolver.ts'
import type { FolderStore } from './folder-store.ts'

export * as cutting from '../../../workers/host/scheduler/cut-request.ts'
export { forceVariant, refuseForced } from '../../placement/force-variant.ts'
export { infer } from '../../remote/oip-infer.ts'

/** Advice by the files that the folder has. */
export const adviseBy =
  (store: Pick<FolderStore, 'count'>) =>
  (manifest: Manifest, outlook: Outlook, { device, catalogue }: AdviseTools) =>
    adviseOnDevice(manifest, outlook, device, (files) =>
      store.count(
        manifest,
        files.map((file) => catalogue.fileOf(manifest, file)),
      ),
    )
