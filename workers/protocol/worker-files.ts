/**
 * The files that a worker loads, named in the fragment of its script's address: it has them when it starts, before any
 * message. A worker whose script names no file by itself is one file for every bundler.
 */
export const filesFragment = (files: object): string => `#${encodeURIComponent(JSON.stringify(files))}`

/** @param hash `location.hash` of the worker, whose page has written it. */
export const filesOf = <Files>(hash: string): Files => JSON.parse(decodeURIComponent(hash.slice(1)))
