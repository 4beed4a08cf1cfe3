import { admin } from './admin.ts'
import { drain } from './drain.ts'
import { latency } from './latency.ts'
import { live } from './live.ts'
import { logins } from './logins.ts'
import { memory } from './memory.ts'
import { messages } from './messages.ts'
import { page } from './page.ts'
import { queueing } from './queueing.ts'
import { registration } from './registration.ts'
import { start } from './start.ts'
import { store } from './store.ts'
import { storm } from './storm.ts'
import type { Suite } from './suite.ts'
import { tls } from './tls.ts'

/** In the order in which they are told. */
export const suites: readonly Suite[] = [
  messages,
  live,
  queueing,
  drain,
  store,
  logins,
  latency,
  memory,
  tls,
  storm,
  registration,
  start,
  admin,
  page,
]
