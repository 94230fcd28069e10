const hexDigits = (byte: number) => byte.toString(16).padStart(2, '0')

/** 32 hex digits. Not `randomUUID`, which pages have in secure contexts only. */
export const randomId = (): string => [...crypto.getRandomValues(new Uint8Array(16))].map(hexDigits).join('')
