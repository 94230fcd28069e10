/** What is used of Trusted Types, which TypeScript's library does not describe. */
interface TrustedTypes {
  createPolicy(
    name: string,
    rules: { createScriptURL(address: string): string },
  ): { createScriptURL(address: string): string }
}

/** The policy's name, for `trusted-types` in a content security policy. */
const policyName = 'spillway'

let toScriptAddress: ((address: string) => string) | undefined

/**
 * The address of a worker's script as a page with Trusted Types wants it. Where the page's policy does not allow ours,
 * the address stays a text, which the page's default policy may take.
 */
export function scriptAddress(address: string): string {
  toScriptAddress ??= createPolicy()
  return toScriptAddress(address)
}

function createPolicy(): (address: string) => string {
  const { trustedTypes } = globalThis as { readonly trustedTypes?: TrustedTypes }
  try {
    const policy = trustedTypes?.createPolicy(policyName, { createScriptURL: (address) => address })
    if (policy) return (address) => policy.createScriptURL(address)
  } catch {
    // The policy's name is not listed, or another copy of this script has taken it.
  }
  return (address) => address
}
