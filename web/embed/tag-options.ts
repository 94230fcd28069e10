import type { Policy } from '../../models/core/placement.ts'
import type { RuntimeOptions } from '../api/create-runtime.ts'

/**
 * The options that the script's own element sets: `<script type="module" src="…/embed.js" data-policy="device">`. The
 * runtime checks them, as those that a script passes.
 */
export const tagOptions = ({ key, policy, models, hub, maxLanes }: DOMStringMap): RuntimeOptions => ({
  ...(key !== undefined && { key }),
  ...(policy !== undefined && { policy: policy as Policy }),
  ...(models !== undefined && { models }),
  ...(hub !== undefined && { hub: { endpoint: hub } }),
  ...(maxLanes !== undefined && { maxLanes: Number(maxLanes) }),
})
