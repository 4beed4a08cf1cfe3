import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { test } from 'node:test'
import { projectFolder } from '../support/folder.ts'

const NOT_OURS = new Set(['node_modules', 'dist', '.git'])

const pagesIn = (folder: string): string[] =>
  readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return NOT_OURS.has(entry.name) ? [] : pagesIn(path)
    return entry.name.endsWith('.md') ? [path] : []
  })

/** Code is not read for links. */
const textOf = (page: string): string => readFileSync(page, 'utf8').replaceAll(/```[^]*?```|`[^`\n]*`/g, '')

const linksOf = (page: string): string[] =>
  Array.from(textOf(page).matchAll(/\]\(([^)\s]+)\)/g), ([, target]) => target ?? '').filter(
    (target) => !/^[a-z]+:/.test(target),
  )

/** What a heading is called in a link. */
const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
    .replaceAll(/\s/g, '-')

const anchorsOf = (page: string): string[] =>
  Array.from(readFileSync(page, 'utf8').matchAll(/^#+ (.+)$/gm), ([, heading]) => anchorOf(heading ?? ''))

for (const page of pagesIn(projectFolder)) {
  const links = linksOf(page)
  if (links.length === 0) continue
  test(`every link of ${relative(projectFolder, page)} leads somewhere`, () => {
    for (const link of links) {
      const [path = '', anchor] = link.split('#')
      const target = path === '' ? page : join(dirname(page), path)
      assert.ok(existsSync(target), `${link}: there is no such file`)
      if (anchor === undefined) continue
      assert.ok(statSync(target).isFile() && anchorsOf(target).includes(anchor), `${link}: there is no such heading`)
    }
  })
}
