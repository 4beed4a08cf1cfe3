import type { Given, Reading } from './given.ts'
import { settings } from './settings.ts'
import { didYouMean } from './suggest.ts'

/** @param flags - path of a setting → its text on the command line. */
export function readFlags(flags: Readonly<Record<string, string>>, cwd: string): Reading {
  const given: Given[] = []
  const problems: string[] = []
  for (const [path, value] of Object.entries(flags)) {
    const setting = settings().find((candidate) => candidate.path === path)
    if (setting === undefined) {
      const paths = settings().map((candidate) => candidate.path)
      problems.push(`command line: ${path}: unknown setting${didYouMean(path, paths)}`)
    } else if (setting.flag === undefined) {
      problems.push(
        `command line: ${path}: every user of this machine can read command lines; use ${setting.variable}_FILE or ${setting.variable}`,
      )
    } else {
      given.push({ setting, value, source: 'flag', where: setting.flag, folder: cwd })
    }
  }
  return { given, problems, warnings: [] }
}
