import { describeEngine } from './core-suite.ts'
import { firefox } from './drivers/firefox.ts'

describeEngine('firefox', firefox)
