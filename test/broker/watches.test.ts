import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, request, type ClientRequest, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test, type TestContext } from 'node:test'
import { Tails } from '../../admin/http/tails.ts'
import type { Connection } from '../../broker/connection.ts'
import { Watches } from '../../broker/watches.ts'
import { memoryLog } from '../support/log.ts'

/** Of a connection what watches look at. */
const aConnection = (id: string) => ({ id, watched: undefined }) as unknown as Connection

/** The connections, and who would be looked at if he logged in now. */
function theWatches() {
  const connections = new Map<string, Connection>()
  const watches = new Watches((id) => connections.get(id), assert.ifError)
  const isWatched = (id: string): boolean => {
    const newcomer = aConnection(id)
    watches.entered(newcomer)
    return newcomer.watched !== undefined
  }
  return { connections, watches, isWatched }
}

test('a watch that has ended is nowhere any more, however often it is ended', () => {
  const { connections, watches, isWatched } = theWatches()
  const device = aConnection('A1')
  connections.set('A1', device)
  const [first, second] = [watches.add('A1', () => {}), watches.add('A1', () => {})]
  first()
  assert.ok(device.watched !== undefined && isWatched('A1'))
  second()
  assert.deepEqual([device.watched, isWatched('A1')], [undefined, false])
  const third = watches.add('A1', () => {})
  first()
  second()
  assert.ok(device.watched !== undefined && isWatched('A1'), 'those who left do not end the watch of others')
  third()
  assert.deepEqual([device.watched, isWatched('A1')], [undefined, false])
})

/** Pages that look at a device through `watches`. */
async function pagesOf(t: TestContext, watches: Watches) {
  const tails = new Tails((id, heard) => watches.add(id, heard), memoryLog())
  const open: ServerResponse[] = []
  const server = createServer((_request, response) => {
    open.push(response)
    tails.add(response, 'A1', () => true)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    tails.close()
    server.closeAllConnections()
    server.close()
  })
  const look = async (): Promise<ClientRequest> => {
    const { port } = server.address() as AddressInfo
    const page = request({ host: '127.0.0.1', port, agent: false }).on('error', () => {})
    page.end()
    await once(page, 'response')
    return page
  }
  return { tails, open, look }
}

const leavings = [
  { name: 'its last page is closed', leave: (page: ClientRequest) => page.destroy() },
  { name: 'the server ends its last stream', leave: (_page: ClientRequest, tails: Tails) => tails.close() },
]

for (const { name, leave } of leavings) {
  test(`nothing of a watch is left when ${name}, of a device that is here or away`, async (t) => {
    const { connections, watches, isWatched } = theWatches()
    const { tails, open, look } = await pagesOf(t, watches)
    const device = aConnection('A1')
    connections.set('A1', device)
    const [first, last] = [await look(), await look()]
    const gone = open.map((response) => once(response, 'close'))
    first.destroy()
    await gone[0]
    assert.ok(device.watched !== undefined && isWatched('A1'), 'another page still looks')
    leave(last, tails)
    await gone[1]
    assert.deepEqual([device.watched, isWatched('A1')], [undefined, false])
  })
}
