import { describeEngine } from './core-suite.ts'
import { chromium } from './drivers/chromium.ts'

describeEngine('chromium', chromium)
