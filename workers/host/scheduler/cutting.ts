/** What cuts requests. A page loads it with its first model. */
export type Cutting = Pick<typeof import('./cut-request.ts'), 'cutEntry' | 'joinParts'>
