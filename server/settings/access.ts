import * as z from 'zod/mini'
import { isOrigin } from '../../models/protocols/api-keys.ts'
import { asIs, limit, type Setting, seconds } from './setting.ts'

/** Who may call, and how often. */
export const access = {
  SPILLWAY_KEYS: {
    schema: z.string(),
    initial: '',
    about:
      'the file of API keys, in the file relative to it; where it is set, callers need a key ([SECURITY.md](SECURITY.md))',
    fromText: asIs,
  } satisfies Setting<string>,
  SPILLWAY_TOKEN_SECRET: {
    schema: z.optional(z.string().check(z.minLength(32))),
    initial: undefined,
    about:
      'signs the tokens of pages, at least 32 characters; several servers behind one address share it. Random for each process where it is not set',
    fromText: asIs,
    isSecret: true,
  } satisfies Setting<string | undefined>,
  SPILLWAY_TOKEN_SECONDS: seconds(600, "how long a page's token holds; pages renew it before"),
  SPILLWAY_ORIGINS: {
    schema: z.optional(
      z.array(
        z.string().check(
          z.refine((text) => text === '*' || isOrigin(text), {
            error: '"*", or an origin such as "https://shop.example"',
          }),
        ),
      ),
    ),
    initial: undefined,
    about:
      'origins whose pages may call, besides those of the keys: a list in the file, separated by commas or spaces in the variable; `*` for all, the default without keys',
    fromText: (text) => text.split(/[\s,]+/).filter((origin) => origin !== ''),
  } satisfies Setting<string[] | undefined>,
  SPILLWAY_KEY_REQUESTS_PER_MINUTE: limit(
    'requests of one key a minute; its entry in the file of keys has precedence, for all four limits',
  ),
  SPILLWAY_KEY_ROWS_PER_MINUTE: limit('rows, and texts to embed, of one key a minute'),
  SPILLWAY_KEY_TOKENS_PER_MINUTE: limit('tokens of one key a minute, of prompts and answers'),
  SPILLWAY_KEY_CONCURRENT_REQUESTS: limit('requests of one key at once'),
  SPILLWAY_ADDRESS_REQUESTS_PER_MINUTE: limit(
    'the same for each address that calls without a key for servers: requests a minute',
  ),
  SPILLWAY_ADDRESS_ROWS_PER_MINUTE: limit('its rows, and texts to embed, a minute'),
  SPILLWAY_ADDRESS_TOKENS_PER_MINUTE: limit('its tokens a minute'),
  SPILLWAY_ADDRESS_CONCURRENT_REQUESTS: limit('its requests at once'),
  REDIS_URL: {
    schema: z.string().check(z.regex(/^(?:rediss?:\/\/.+)?$/)),
    initial: '',
    about:
      'where servers share the counts of these limits, those at once included, such as `redis://localhost:6379`; needs the package `ioredis`',
    fromText: asIs,
    isSecret: true,
  } satisfies Setting<string>,
} as const
