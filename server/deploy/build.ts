import { resolve } from 'node:path'
import { writeProductionFolder } from './production-folder.ts'

const [target = 'dist/production', platform, arch] = process.argv.slice(2)
const folder = resolve(target)
const bytes = await writeProductionFolder(folder, {
  ...(platform !== undefined && { platform }),
  ...(arch !== undefined && { arch }),
})
process.stdout.write(
  `${folder}: ${(bytes / 1e6).toFixed(0)} MB. Start it there with "node dist/server/main.js".\n`,
)
