import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startMooring } from '../support/server.ts'
import { needsPage, sharedBrowser } from './support/chromium.ts'
import { firstOperator } from './support/operator.ts'
import { open } from './support/pages.ts'
import { visit } from './support/visit.ts'

const browser = sharedBrowser()

const csv = (...lines: readonly string[]) => ({
  name: 'line3.csv',
  mimeType: 'text/csv',
  buffer: Buffer.from(`${lines.join('\n')}\n`),
})

const WRONG = csv(
  'manufacturerId,tags,note',
  'PUMP-0001,site=berlin,',
  ',site=berlin,no ID',
  'PUMP-0002,nonsense,',
  'PUMP-0001,,twice',
)
const RIGHT = csv('manufacturerId,tags,note', 'PUMP-0001,site=berlin;line=3,', 'PUMP-0002,,spare')

test(
  'a CSV file with mistakes is told row by row and changes nothing; a good one takes effect as it said',
  { skip: needsPage(), timeout: 300_000 },
  async (t) => {
    const server = await startMooring(t)
    const operator = await firstOperator(server)
    const { page } = await visit(t, await browser(), server.url('http'), { cookie: operator.cookie })
    const expected = async () => (await operator.ask('GET', '/allow-list/status'))['entries']
    await open(page, '/allow-list', 'Allow-list')

    const file = page.locator('input[type=file]')
    await file.setInputFiles(WRONG)
    for (const line of [3, 4, 5]) {
      await page
        .getByRole('alert')
        .getByRole('listitem')
        .filter({ hasText: `Line ${line} ` })
        .waitFor()
    }
    assert.equal(await page.getByRole('button', { name: /^Apply/ }).count(), 0)
    assert.equal(await expected(), 0)

    await file.setInputFiles(RIGHT)
    await page.getByRole('button', { name: /^Apply/ }).click()
    assert.equal(await expected(), 0, 'nothing is changed before it is confirmed')
    await page.getByRole('dialog').getByRole('button', { name: 'Add 2, remove 0' }).click()
    await page.getByRole('row').filter({ hasText: 'PUMP-0002' }).waitFor()
    assert.equal(await expected(), 2)
  },
)
