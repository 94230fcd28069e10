/** The globals that Node, Deno, Bun and edge runtimes share. */
export function webPlatform(): Record<string, unknown> {
  const names = [
    'AbortController',
    'AbortSignal',
    'Event',
    'EventTarget',
    'Headers',
    'ReadableStream',
    'Request',
    'Response',
    'TextDecoder',
    'TextEncoder',
    'URL',
    'URLSearchParams',
    'clearTimeout',
    'crypto',
    'fetch',
    'performance',
    'queueMicrotask',
    'setTimeout',
    'structuredClone',
  ] as const
  return Object.fromEntries(names.map((name) => [name, Reflect.get(globalThis, name)]))
}
