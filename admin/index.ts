export {
  CSV_OPTIONS,
  readAllowListRecords,
  type AllowListReader,
  type AllowListRow,
  type FileProblem,
} from './allow-list-rows.ts'
export * from './operations/index.ts'
export { History, type Totals } from './history.ts'
export { createOperator } from './operator.ts'
export * from './socket-client.ts'
export * from './http/index.ts'
export { listenAdmin } from './socket-server.ts'
export { ADMIN_SOCKET } from './socket-path.ts'
