declare module 'aedes-persistence-level/asyncPersistence.js' {
  /** Aedes' persistence contract over a Level database. The package has no types of this file. */
  export default class AsyncLevelPersistence {
    constructor(level: object)
    setup(broker: { readonly id: string }): Promise<void>
  }
}
