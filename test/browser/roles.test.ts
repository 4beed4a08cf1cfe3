import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { startMooring, type Mooring } from '../support/server.ts'
import { needsPage, sharedBrowser } from './support/chromium.ts'
import { anOperator, firstOperator } from './support/operator.ts'
import { open, PAGES } from './support/pages.ts'
import { visit } from './support/visit.ts'

const browser = sharedBrowser()

/** What changes something that is not one's own. */
const DEED =
  /^(Disable|Enable|Quarantine|Release|Rotate|Disconnect|Delete|Remove|Revoke|Approve|Refuse|Apply|Create|Add|Send|Limit|Reopen|Expect|Make|Retire|Tag)\b|^×$/

async function offeredTo(t: TestContext, server: Mooring, cookie: string, devicePath: string): Promise<Set<string>> {
  const { page } = await visit(t, await browser(), server.url('http'), { cookie })
  const offered = new Set<string>()
  const paths = [...PAGES, { path: devicePath, title: 'PUMP-0001' }, { path: '/devices?prefix=PUMP', title: 'Devices' }]
  for (const { path, title } of paths) {
    await open(page, path, title)
    const names = await page.getByRole('main').getByRole('button').allInnerTexts()
    for (const name of names) if (DEED.test(name.trim())) offered.add((/^\w+/.exec(name.trim()) ?? [''])[0])
    if ((await page.locator('input[type=file]').count()) > 0) offered.add('Import')
  }
  return offered
}

test('everybody is offered what his role may, and no more', { skip: needsPage(), timeout: 300_000 }, async (t) => {
  const server = await startMooring(t, { settings: { registration: { mode: 'approve' } } })
  const admin = await firstOperator(server)
  const viewer = await anOperator(server, { by: admin, name: 'vera', role: 'viewer' })
  const operator = await anOperator(server, { by: admin, name: 'otto', role: 'operator' })
  await admin.ask('POST', '/api-tokens', { name: 'ci', role: 'viewer', scopes: ['*'] })
  await server.register('PUMP-0001').catch(() => undefined)
  await admin.ask('POST', '/approvals/decide', { decision: 'approved', manufacturerIds: ['PUMP-0001'] })
  const { deviceId } = await server.register('PUMP-0001')
  await server.register('PUMP-0002').catch(() => undefined)
  const path = `/devices/${deviceId}`

  assert.deepEqual([...(await offeredTo(t, server, viewer.cookie, path))], [])
  const byOperator = await offeredTo(t, server, operator.cookie, path)
  const byAdmin = await offeredTo(t, server, admin.cookie, path)
  const deeds = ['Disable', 'Quarantine', 'Rotate', 'Delete', 'Approve', 'Refuse', 'Create', 'Send', 'Import']
  for (const deed of deeds) assert.ok(byOperator.has(deed), `an operator is offered ${deed}`)
  assert.ok(!byOperator.has('Remove'), 'an operator is offered no accounts')
  for (const deed of [...deeds, 'Remove', 'Revoke']) assert.ok(byAdmin.has(deed), `an admin is offered ${deed}`)
})
