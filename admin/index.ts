export {
  CSV_OPTIONS,
  MAX_ROWS_PER_PAGE,
  readAllowListRecords,
  type AllowListReader,
  type AllowListRow,
  type FileProblem,
} from './allow-list-rows.ts'
export { readDeviceRecords, type DeviceFileRow } from './device-rows.ts'
export type { RowReader } from './csv-rows.ts'
export * from './operations/index.ts'
export { MAX_ITEMS_PER_PAGE, wholeList } from './whole-list.ts'
export { openTails } from './topic-tails.ts'
export type { MessageText } from './message-text.ts'
export { History, type Steps, type Totals } from './history.ts'
export { HISTORY_FILE, HistoryFile } from './history-file.ts'
export { createOperator } from './operator.ts'
export * from './admin-error.ts'
export { operatorOverHttp } from './http-client.ts'
export * from './socket-client.ts'
export * from './http/index.ts'
export { listenAdmin } from './socket-server.ts'
export { ADMIN_SOCKET } from './socket-path.ts'
