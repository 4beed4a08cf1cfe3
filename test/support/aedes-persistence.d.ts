/** The shared suite of Aedes' persistences has no types. */
declare module 'aedes-persistence/abstract.js' {
  const abstractPersistence: (options: {
    readonly test: unknown
    readonly persistence: () => unknown
    readonly testAsync: true
  }) => void
  export default abstractPersistence
}
