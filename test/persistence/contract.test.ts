import { persistenceContract } from '../contract/persistence.ts'
import { places, Restartable } from '../support/persistence.ts'

for (const [name, place] of Object.entries(places)) persistenceContract(name, (t) => Restartable.open(t, place()))
