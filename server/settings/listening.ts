import * as z from 'zod/mini'
import { asIs, count, numberFrom, type Setting } from './setting.ts'

/** A port that need not be. */
const port = (about: string): Setting<number | undefined> => ({
  schema: z.optional(z.number().check(z.int(), z.minimum(0), z.maximum(65_535))),
  initial: undefined,
  about,
  fromText: numberFrom,
})

/** Where the server listens, and whether to everybody. */
export const listening = {
  PORT: count(0, 65_535, 8080, 'the port to listen on; `0` takes a free one'),
  HOST: {
    schema: z.string().check(z.minLength(1)),
    initial: '127.0.0.1',
    about:
      "the address to listen on; on any but this machine's own the server starts with `SPILLWAY_KEYS` or `SPILLWAY_OPEN` only",
    fromText: asIs,
  } satisfies Setting<string>,
  SPILLWAY_GRPC_PORT: port('a port for gRPC, at the same address; without it there is no gRPC'),
  SPILLWAY_ADMIN_PORT: port(
    "a port for `/metrics` and what loads and unloads models; without it they are on the server's port, for this machine only, or for administrators' keys",
  ),
  SPILLWAY_ADMIN_HOST: {
    schema: z.string().check(z.minLength(1)),
    initial: '127.0.0.1',
    about: 'the address of that port; `/metrics` asks for no key there',
    fromText: asIs,
  } satisfies Setting<string>,
  SPILLWAY_OPEN: {
    schema: z.boolean(),
    initial: false,
    about: '`true`, or `1` in the variable: everybody who reaches the server may call it',
    fromText: (text) => (text === '1' ? true : text === '0' ? false : text),
  } satisfies Setting<boolean>,
} as const
