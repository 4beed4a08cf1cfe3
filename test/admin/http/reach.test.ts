import assert from 'node:assert/strict'
import type { IncomingMessage } from 'node:http'
import { test } from 'node:test'
import { mayReach } from '../../../admin/index.ts'

const from = (remoteAddress: string, localAddress: string, headers: Record<string, string>): IncomingMessage =>
  // Of a request only this is looked at.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  ({ socket: { remoteAddress, localAddress }, headers }) as unknown as IncomingMessage

const LOCAL = '127.0.0.1'
const HOST = { host: '127.0.0.1:8080' }
const cases = [
  { name: 'another machine', request: from('10.0.0.2', '10.0.0.1', { host: '10.0.0.1' }), may: false },
  { name: 'this machine by its address in the network', request: from('10.0.0.1', '10.0.0.1', HOST), may: false },
  { name: 'a connection that has no address any more', request: from('', '', HOST), may: false },
  ...['forwarded', 'x-forwarded-for', 'x-real-ip', 'via'].map((header) => ({
    name: `a proxy that says ${header}`,
    request: from(LOCAL, LOCAL, { ...HOST, [header]: '127.0.0.1' }),
    may: false,
  })),
  { name: 'a name that leads here', request: from(LOCAL, LOCAL, { host: 'rebound.example:8080' }), may: false },
  {
    name: 'a name that begins like one of ours',
    request: from(LOCAL, LOCAL, { host: 'localhost.example' }),
    may: false,
  },
  { name: 'no name at all', request: from(LOCAL, LOCAL, {}), may: false },
  { name: 'this machine', request: from(LOCAL, LOCAL, HOST), may: true },
  { name: 'this machine over IPv6', request: from('::1', '::1', { host: '[::1]:8080' }), may: true },
  {
    name: 'this machine on a dual-stack listener',
    request: from('::ffff:127.0.0.1', '::ffff:127.0.0.1', HOST),
    may: true,
  },
  { name: 'localhost', request: from(LOCAL, LOCAL, { host: 'LocalHost:8080' }), may: true },
]
for (const { name, request, may } of cases) {
  test(`with loopback, ${name} ${may ? 'reaches' : 'does not reach'} the admin API`, () => {
    assert.equal(mayReach(request, 'loopback'), may)
    assert.equal(mayReach(request, 'all'), true)
  })
}
