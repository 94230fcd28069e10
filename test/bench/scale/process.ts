/** Simulates one scenario in a process of its own, and sends its figures. */
import { scenarios } from './scenarios.ts'
import { summarize } from './summary.ts'

const scenario = scenarios[Number(process.argv[2])]
if (!scenario) throw new Error(`There is no scenario ${process.argv[2]}`)
process.send?.(await summarize(scenario), () => process.exit(0))
