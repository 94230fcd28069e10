import { createHash, randomBytes } from 'node:crypto'
import { Command, Option } from 'commander'
import { SpillwayError } from '../../core/error.ts'
import { type KeyEntry, keyBytes, keyPrefixes, parseKeysFile } from '../../protocols/api-keys.ts'
import { type Io, styleOf } from '../io.ts'
import { jsonOption } from '../options.ts'
import { showCreatedKey } from '../output/key.ts'

interface Options {
  readonly name: string
  readonly page?: boolean
  readonly admin?: boolean
  readonly origin?: readonly string[]
  readonly json?: boolean
}

export interface CreatedKey {
  /** Shown once: the entry has its hash only. */
  readonly key: string
  readonly entry: KeyEntry
}

const examples = `
Examples:
  $ spillway key create --name backend
  $ spillway key create --name shop --page --origin https://shop.example
  $ spillway key create --name operator --admin`

export const keyCommand = (io: Io): Command =>
  new Command('key').description('keys for callers of a server').addCommand(createCommand(io))

const createCommand = (io: Io): Command =>
  new Command('create')
    .description('a new key, printed once, and the entry that the server keeps of it')
    .addOption(new Option('--name <name>', "the key's name in the server's log").makeOptionMandatory())
    .addOption(new Option('--page', 'a publishable key for pages, bound to their origins'))
    .addOption(new Option('--admin', 'a key that may load and unload models, besides').conflicts('page'))
    .addOption(
      new Option(
        '--origin <origin>',
        'an origin whose pages may use the key, such as https://shop.example; may be repeated',
      ).argParser((origin: string, origins: readonly string[] = []) => [...origins, origin]),
    )
    .addOption(jsonOption())
    .addHelpText('after', examples)
    .action((options: Options) => {
      const created = create(options)
      io.out(options.json ? `${JSON.stringify(created, null, 2)}\n` : showCreatedKey(created, styleOf(io)))
    })

function create({ name, page = false, admin = false, origin: origins }: Options): CreatedKey {
  if (page !== (origins !== undefined))
    throw new SpillwayError(
      'request_malformed',
      'A key for pages has an --origin, and no other key has one',
      {
        expected: '--page and --origin, or neither',
        got: page ? '--page alone' : '--origin alone',
      },
    )
  const kind = page ? 'page' : admin ? 'admin' : 'server'
  const key = `${keyPrefixes[kind]}${randomBytes(keyBytes).toString('base64url')}`
  const sha256 = createHash('sha256').update(key).digest('hex')
  const [entry] = parseKeysFile({ keys: [{ name, kind, sha256, origins }] }, 'with this entry')
  if (!entry) throw new SpillwayError('internal', 'The new key has no entry')
  return { key, entry }
}
