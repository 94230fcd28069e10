import { caseNames, cases, type Engine, type EngineId, engineIds, engines } from './engines.ts'

/** The versions of the engines that passed every case that they can do. */
export type PassedVersions = Readonly<Record<EngineId, string>>

/** The first cell of the table in README. */
const corner = 'a page'

/** A table of what every engine does, as README has it. */
export function renderTable(versions: PassedVersions): string {
  const header = [corner, ...engineIds.map((id) => columnName(engines[id], versions[id]))]
  const rows = caseNames.map((name) => [cases[name], ...engineIds.map((id) => cellOf(engines[id], name))])
  return [header, header.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |\n`).join('')
}

const columnName = ({ name, versionNumbers }: Engine, version: string) =>
  `${name} ${version.split('.').slice(0, versionNumbers).join('.')}`

const cellOf = ({ cannot }: Engine, name: (typeof caseNames)[number]) => {
  const reason = cannot[name]
  return reason === undefined ? 'yes' : `no: ${reason}`
}

const pattern = new RegExp(`^\\| ${corner} \\|(?:.*\\n)(?:\\|.*\\n)*`, 'm')

/** @throws Error Where the document has no such table. */
export function readTable(document: string): string {
  const [table] = pattern.exec(document) ?? []
  if (table === undefined) throw new Error(`There is no table that begins with "${corner}"`)
  return table
}

export const replaceTable = (document: string, table: string): string =>
  document.replace(readTable(document), () => table)

/** The versions that the head of a table names. @throws Error Where its columns are not the engines. */
export function versionsOf(table: string): PassedVersions {
  const [, ...columns] = (table.split('\n')[0] ?? '').split('|').slice(1, -1)
  const versions = engineIds.map((id, index): [EngineId, string] => {
    const { name } = engines[id]
    const [, version] = new RegExp(`^ ${name} ([\\d.]+) $`).exec(columns[index] ?? '') ?? []
    if (version === undefined) throw new Error(`Column ${index + 1} is not ${name} and its version`)
    return [id, version]
  })
  return Object.fromEntries(versions) as PassedVersions
}
