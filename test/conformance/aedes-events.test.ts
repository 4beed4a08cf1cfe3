import { Aedes } from 'aedes'
import { aedesEventsContract, type Stage } from './support/aedes-events.ts'

/** Stock Aedes, as the reference: what the table says is what the package does. */
aedesEventsContract('Aedes', async (hooks) => {
  const aedes = (await Aedes.createBroker(hooks as never)) as Stage['aedes'] & Pick<Aedes, 'handle'>
  return { aedes, accept: aedes.handle }
})
