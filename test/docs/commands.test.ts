import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { CommanderError, type Command } from 'commander'
import { flagsOf, type ConfigOptions } from '../../cli/config-options.ts'
import { buildProgram } from '../../cli/program.ts'
import { settings } from '../../config.ts'
import { projectFolder } from '../support/folder.ts'

/** From `mooring` to where the shell, the page or a remark goes on. */
const COMMAND = /(?:^|[\s`(])mooring ((?:"[^"\n]*"|'[^'\n]*'|[^\s"'`)|<>#;,…]+|[ ]+(?![|<>#]))+)/gm
const WORD = /"([^"]*)"|'([^']*)'|\S+/g

const wordsOf = (text: string): string[] =>
  Array.from(text.matchAll(WORD), ([word, double, single]) => double ?? single ?? word)

/** Blocks that are code, and inline code, which may do no more than name a command. */
const codeOf = (page: string): { code: string; inline: boolean }[] =>
  Array.from(page.matchAll(/```(?!text)\w+\n([^]*?)```|`([^`\n]+)`|^ {2}(\$ mooring .*)$/gm), (found) => {
    const code = found[1] ?? found[2] ?? found[3] ?? ''
    const oneLine = code.replaceAll(/\\\n\s*/g, ' ').replaceAll('npm start -- ', 'mooring serve ')
    return { code: oneLine, inline: found[2] !== undefined }
  })

const pages = execFileSync('git', ['ls-files', '*.md'], { cwd: projectFolder, encoding: 'utf8' }).trim().split('\n')

const commands = pages.flatMap((page) =>
  codeOf(readFileSync(join(projectFolder, page), 'utf8'))
    .flatMap(({ code, inline }) => Array.from(code.matchAll(COMMAND), ([, text = '']) => ({ inline, text })))
    .map(({ inline, text }) => ({ page, words: wordsOf(text), named: inline && /^[a-z]+ [a-z]+ *$/.test(text) })),
)

const INCOMPLETE = new Set(['commander.missingArgument', 'commander.missingMandatoryOptionValue'])

/** The command that a line leads to, with its options; rejects what commander refuses. */
async function parse(words: readonly string[]): Promise<Command> {
  const nowhere = { write: () => true }
  let asked: Command | undefined
  const program = await buildProgram({
    version: '',
    stdout: nowhere,
    stderr: nowhere,
    run: async (command) => {
      asked = command
    },
  })
  await program.parseAsync(words, { from: 'user' })
  assert.ok(asked)
  return asked
}

test('every command in the pages is one that the program takes, with its arguments and options', async () => {
  const seen = new Set(commands.map(({ page }) => page))
  for (const page of ['README.md', 'docs/cli.md', 'docs/configuration.md', 'docs/firmware.md'])
    assert.ok(seen.has(page))
  const known = new Set(settings().map(({ path }) => path))
  for (const { page, words, named } of commands) {
    const where = `${page}: mooring ${words.join(' ')}`
    const command = await parse(words).catch((error: Error) => {
      if (named && error instanceof CommanderError && INCOMPLETE.has(error.code)) return undefined
      return assert.fail(`${where}: ${error.message}`)
    })
    if (command === undefined) continue
    for (const path of Object.keys(flagsOf(command.optsWithGlobals<ConfigOptions>()))) assert.ok(known.has(path), where)
    if (command.name() === 'delete' && command.parent?.name() === 'device')
      assert.equal(command.opts()['yes'], true, where)
  }
})
