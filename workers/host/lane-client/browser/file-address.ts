// A variable: webpack takes `new URL(…, import.meta.url)` of an expression for a module that it has to find.
const here = import.meta.url

/** The absolute address of a file that was imported for its address: a development server gives only its path. */
export const fileAddress = (imported: string): string => new URL(imported, here).href
