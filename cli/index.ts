export { banner, servingLine, setupLine, type BannerFacts } from './banner.ts'
export { runCli } from './cli.ts'
export type { CliContext, LocalStore, RunningServer } from './context.ts'
export { ExitCode } from './failure.ts'
