import AsyncLevelPersistence from 'aedes-persistence-level/asyncPersistence.js'
import { MemoryLevel } from 'memory-level'
import { persistenceContract, type Contract, type Subject } from '../contract/persistence.ts'

/**
 * What the package does that we had begun with. Every row that it fails is a reason why it was replaced (docs/adr/); when
 * one of them passes one day, this test says so.
 */
persistenceContract(
  'aedes-persistence-level',
  async (t): Promise<Subject> => {
    const level = new MemoryLevel()
    await level.open()
    t.after(() => level.close())
    let starts = 0
    const start = async (): Promise<Contract> => {
      const persistence = new AsyncLevelPersistence(level)
      await persistence.setup({ id: `${++starts}` })
      return persistence as unknown as Contract
    }
    let persistence = await start()
    return {
      get persistence() {
        return persistence
      },
      restart: async () => {
        persistence = await start()
      },
    }
  },
  {
    'a subscription of QoS 0 keeps nothing, and takes nothing from others':
      'a subscription of QoS 0 that matches takes the place of one of QoS 1',
    'a client is found once, at the highest QoS of what matches': 'it is found once for each filter',
    'a wildcard in front does not reach topics that begin with $': 'it does',
    'a filter that is removed takes no other with it': 'a wildcard filter takes those that it matches with it',
    'subscriptions are the same after a restart': 'after a restart those of QoS 0 are kept messages for',
    'a message is kept at the QoS of the subscription, without RETAIN and DUP': 'it is kept as it was published',
    'what was queued before a restart comes before what was queued after it, four times over':
      'the order is that of the names of the starts',
    'a broker id that stays the same over restarts overwrites nothing': 'numbers begin again, and overwrite',
    'properties and expiry of a message survive': 'they are dropped',
    'the filter # finds the retained messages that it matches': 'it finds those that begin with $',
    'the filter +/x finds the retained messages that it matches': 'it finds those that begin with $',
  },
)
