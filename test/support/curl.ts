import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { emptyFolder } from './test-models.ts'

/** What `curl -s ADDRESS -d DATA` does, and nothing else: other options are refused. */
const script = `
const [silent, address, option, body, ...more] = process.argv.slice(2)
if (silent !== '-s' || option !== '-d' || body === undefined || more.length > 0)
  throw new Error('The stand-in for curl knows curl -s ADDRESS -d DATA only')
const headers = { 'content-type': 'application/x-www-form-urlencoded' }
const url = address.includes('://') ? address : 'http://' + address
const response = await fetch(url, { method: 'POST', headers, body })
process.stdout.write(await response.text())
`

/** A folder with a stand-in for curl, to end PATH with: not every machine has one. */
export async function curlFolder(): Promise<string> {
  const folder = await emptyFolder()
  await writeFile(join(folder, 'curl.mjs'), script)
  const command = `#!/bin/sh\nexec "${process.execPath}" "${join(folder, 'curl.mjs')}" "$@"\n`
  await writeFile(join(folder, 'curl'), command, { mode: 0o755 })
  return folder
}
