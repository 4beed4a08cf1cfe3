import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { startMooring, type Mooring } from '../support/server.ts'
import { needsPage, sharedBrowser } from './support/chromium.ts'
import { firstOperator, logIn, PASSWORD, setupOf } from './support/operator.ts'
import { open } from './support/pages.ts'
import { visit, type Visit } from './support/visit.ts'

const browser = sharedBrowser()
const options = { skip: needsPage(), timeout: 300_000 }

const NOT_IN = /GET \/admin\/v1\/me 401/

async function atTheGate(t: TestContext, server: Mooring): Promise<Visit> {
  const visited = await visit(t, await browser(), server.url('http'))
  visited.allow(NOT_IN)
  await visited.page.goto('/')
  return visited
}

test('a wrong setup code is refused in words, and the right one still works', options, async (t) => {
  const server = await startMooring(t)
  const { page, allow } = await atTheGate(t, server)
  allow(/POST \/admin\/v1\/setup 401/)
  const { code } = await setupOf(server)
  await page.getByLabel('Setup code').fill('AAAA-AAAA')
  await page.getByLabel('Name').fill('ada')
  await page.getByLabel('Password').fill(PASSWORD)
  await page.getByRole('button', { name: 'Create the account' }).click()
  await page.getByRole('alert').waitFor()
  assert.match(await page.getByRole('alert').innerText(), /code/)

  await page.getByLabel('Setup code').fill(code)
  await page.getByRole('button', { name: 'Create the account' }).click()
  await page.getByRole('navigation', { name: 'Main' }).waitFor()
})

test(
  'a wrong password is refused without saying which half was wrong, and after ten one is told to wait',
  options,
  async (t) => {
    const server = await startMooring(t)
    await firstOperator(server)
    const { page, allow } = await atTheGate(t, server)
    allow(/POST \/admin\/v1\/login (401|429)/)
    const tell = async (name: string, status: number): Promise<string> => {
      await page.getByLabel('Name').fill(name)
      await page.getByLabel('Password').fill('not the password')
      const answered = page.waitForResponse('**/admin/v1/login')
      await page.getByRole('button', { name: 'Log in' }).click()
      assert.equal((await answered).status(), status)
      return page.getByRole('alert').innerText()
    }
    const known = await tell('ada', 401)
    assert.equal(await tell('nobody', 401), known)
    for (let attempt = 2; attempt <= 10; attempt++) await tell('ada', 401)
    assert.match(await tell('ada', 429), /many|wait|later|again/i)
  },
)

test('whoever’s session has ended is asked to log in, and comes back to where he was', options, async (t) => {
  const server = await startMooring(t)
  const operator = await firstOperator(server)
  const { page, allow } = await visit(t, await browser(), server.url('http'), { cookie: operator.cookie })
  allow(/^GET \/admin\/v1\/\S* 401/)
  await open(page, '/devices', 'Devices')
  await operator.ask('POST', '/logout', {})
  await page.getByRole('link', { name: 'Journal', exact: true }).click()
  await page.getByLabel('Name').fill('ada')
  await page.getByLabel('Password').fill(PASSWORD)
  await page.getByRole('button', { name: 'Log in' }).click()
  await page.getByRole('heading', { level: 1, name: 'Journal' }).waitFor()
})

test('a page finds its server again after a restart, and shows what has changed', options, async (t) => {
  const first = await startMooring(t)
  const { cookie } = await firstOperator(first)
  const { page, allow } = await visit(t, await browser(), first.url('http'), { cookie })
  allow(/ 503$/)
  await open(page, '/devices', 'Devices')
  await page.getByText('Live', { exact: true }).waitFor()
  const listen = `127.0.0.1:${first.addresses.http?.port ?? 0}`
  await first.stop()
  await page.getByText('Connecting…').waitFor()

  const second = await startMooring(t, { data: first.data, env: { MOORING_LISTEN_HTTP: listen } })
  await second.register('PUMP-0001')
  await page.getByText('Live', { exact: true }).waitFor()
  await page
    .getByRole('row')
    .filter({ hasText: 'PUMP-0001' })
    .or(page.getByText(/1 device registered since/))
    .first()
    .waitFor()
})

test('a stranger on the machine sees the page and nothing that it shows', options, async (t) => {
  const server = await startMooring(t)
  await firstOperator(server)
  const { page } = await atTheGate(t, server)
  await page.goto('/devices')
  await page.getByRole('heading', { level: 1, name: 'Log in' }).waitFor()
  assert.equal(await page.getByRole('navigation').count(), 0)
  // The same address shows its page to whoever is in.
  await page.context().addCookies([cookieOf(await logIn(server, 'ada'), server)])
  await open(page, '/devices', 'Devices')
})

function cookieOf({ cookie }: { cookie: string }, server: Mooring): { name: string; value: string; url: string } {
  const [name = '', value = ''] = cookie.split('=')
  return { name, value, url: server.url('http') }
}
