/** aedes-persistence-level 9.2.0 has no types. Its callback wrapper (`main`) is not used. */
declare module 'aedes-persistence-level/asyncPersistence.js' {
  import type { AbstractLevel } from 'abstract-level'

  // An import statement may not name a file from here.
  // oxlint-disable-next-line typescript/consistent-type-imports
  type Persistence = import('./aedes-internals.d.ts').AedesPersistence

  const AsyncLevelPersistence: new (database: AbstractLevel<string | Buffer | Uint8Array>) => Persistence
  export default AsyncLevelPersistence
}
