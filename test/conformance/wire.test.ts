import { runWireCases } from './support/wire-case-runner.ts'
import { connects } from './wire-cases/connect.ts'
import { lengths } from './wire-cases/lengths.ts'
import { permissions } from './wire-cases/permissions.ts'
import { publishes } from './wire-cases/publish.ts'
import { reservedFlags } from './wire-cases/reserved-flags.ts'
import { states } from './wire-cases/states.ts'
import { strings } from './wire-cases/strings.ts'
import { subscribes } from './wire-cases/subscribe.ts'

runWireCases([
  ...states,
  ...reservedFlags,
  ...connects,
  ...publishes,
  ...subscribes,
  ...strings,
  ...lengths,
  ...permissions,
])
