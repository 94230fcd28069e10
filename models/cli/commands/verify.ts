import { Command } from 'commander'
import { countOf } from '../../core/wording.ts'
import { type ModelVerdict, verifyModels } from '../../tools/manifest/verify.ts'
import { CheckFailed, type Io, plain, type Style, styleOf } from '../io.ts'
import { jsonOption } from '../options.ts'
import { table } from '../output/table.ts'
import { showBytes } from '../output/units.ts'
import { withProgress } from '../progress.ts'

const examples = `
Ends with 1 where a file is missing or is not what its manifest says.

Examples:
  $ spillway verify models/minilm
  $ spillway verify models
  $ spillway verify models --json | jq '.models[] | select(.ok | not)'`

export const verifyCommand = (io: Io): Command =>
  new Command('verify')
    .description('checks every file of a model, or of a folder of models, against its manifest')
    .argument('<folder>', "a model's folder, or one above several")
    .addOption(jsonOption())
    .addHelpText('after', examples)
    .action(async (folder: string, options: { json?: boolean }) => {
      const models = await withProgress(io, 'Verifying', (update) => verifyModels(folder, update))
      const ok = models.every((model) => model.ok)
      const style = styleOf(io)
      io.out(
        options.json
          ? `${JSON.stringify({ ok, models }, null, 2)}\n`
          : models.map((model) => showVerdict(model, style)).join('\n'),
      )
      if (!ok) throw new CheckFailed()
    })

function showVerdict({ folder, id, ok, files, fault }: ModelVerdict, style: Style): string {
  const wrong = files.filter(({ state }) => state !== 'ok').length
  const verdict = ok
    ? `${countOf(files.length, 'file')} ${files.length === 1 ? 'is' : 'are'} what the manifest says`
    : (fault ??
      `${wrong} of ${countOf(files.length, 'file')} ${wrong === 1 ? 'is' : 'are'} not what the manifest says`)
  const head = `${style.strong(plain(id || folder))}: ${plain(verdict)}\n`
  if (files.length === 0) return head
  const columns = [{ title: 'FILE' }, { title: 'SIZE', align: 'right' as const }, { title: '' }]
  const rows = files.map(({ path, size, fault }) => [path, showBytes(size), fault ?? 'ok'])
  return head + table(columns, rows, style)
}
