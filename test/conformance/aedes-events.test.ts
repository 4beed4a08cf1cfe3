import { Aedes } from 'aedes'
import type { AedesHooks } from '../../broker/aedes-internals.d.ts'
import type { Connection } from '../../broker/connection.ts'
import { aedesEventsContract } from './support/aedes-events.ts'
import type { Stage } from './support/aedes-play.ts'
import { openBroker } from './support/open-broker.ts'

/** Stock Aedes, as the reference: what the table says is what the package does. */
aedesEventsContract('Aedes', async (hooks) => {
  const aedes = (await Aedes.createBroker(hooks as never)) as Stage['aedes'] & Pick<Aedes, 'handle'>
  return { aedes, accept: aedes.handle }
})

aedesEventsContract('Mooring', async (hooks) => {
  const aedes = await openBroker(hooks as unknown as AedesHooks<Connection>)
  return { aedes: aedes as unknown as Stage['aedes'], accept: (stream) => aedes.handle(stream) }
})
