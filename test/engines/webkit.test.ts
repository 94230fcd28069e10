import { describeEngine } from './core-suite.ts'
import { webkit } from './drivers/webkit.ts'

describeEngine('webkit', webkit)
