declare module 'virtual:operations' {
  /** `<method> <path below /admin/v1>` of each operation, put in by the build. */
  export const routes: Readonly<Record<string, string>>
}
