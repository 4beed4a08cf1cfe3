import { latency } from './latency.ts'
import { logins } from './logins.ts'
import { memory } from './memory.ts'
import { messages } from './messages.ts'
import { registration } from './registration.ts'
import { start } from './start.ts'
import { storm } from './storm.ts'
import type { Suite } from './suite.ts'
import { tls } from './tls.ts'

/** In the order in which they are told. */
export const suites: readonly Suite[] = [messages, logins, latency, memory, tls, storm, registration, start]
