import { createServer, type AddressInfo } from 'node:net'
import { createBroker } from '../../broker/broker.ts'
import { openDatabase } from '../../storage/index.ts'
import { FakeRegistry } from '../broker/support/door.ts'
import { memoryLog } from '../support/log.ts'
import { ReportingLevel, reportTo } from './reporting-level.ts'

// A broker over a folder, until it is killed.

const [, , folder = '', reportPath = ''] = process.argv
const report = reportTo(reportPath)
const registry = new FakeRegistry()
for (const name of ['keeper', 'reader', 'publisher', 'visitor']) registry.addService(name)
const database = await openDatabase(folder, {
  makeLevel: (location, options) => new ReportingLevel(location, options, report),
})
const broker = await createBroker({
  registry: {
    acl: registry.acl,
    accessRevoked: registry.accessRevoked,
    authenticate: registry.authenticate.bind(registry),
  },
  database,
  options: {},
  log: memoryLog(),
})
const ticket = { connectRead: () => {}, loggedIn: () => {} }
const server = createServer((socket) => broker.accept(socket, { address: '127.0.0.1', transport: 'tcp', ticket }))
server.listen(0, '127.0.0.1', () => process.stdout.write(`port ${(server.address() as AddressInfo).port}\n`))
