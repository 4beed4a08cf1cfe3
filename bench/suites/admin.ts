import { Tally } from '../tally.ts'
import { importGoals, measureImport } from './admin/allow-list.ts'
import { disableGoals, measureDisable } from './admin/disable.ts'
import { measurePages, pageGoals } from './admin/pages.ts'
import { measureTokens, tokenGoals } from './admin/tokens.ts'
import type { Suite } from './suite.ts'

/** What operators wait for, and what their limits cost devices. */
export const admin: Suite = {
  name: 'admin',
  title: 'What an operator waits for',
  async run(bench) {
    const tally = new Tally()
    await measureTokens(bench, tally)
    await measureImport(bench, tally)
    await measureDisable(bench, tally)
    await measurePages(bench, tally)
    return {
      rows: tally.rows,
      notes: tally.notes,
      goals: [...tokenGoals, ...importGoals, ...disableGoals, ...pageGoals],
    }
  },
}
