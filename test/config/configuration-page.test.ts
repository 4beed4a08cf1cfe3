import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { configurationDocs } from '../../config.ts'

test('docs/configuration.md lists the settings as the program knows them', () => {
  const page = readFileSync('docs/configuration.md', 'utf8')
  const written = configurationDocs(page)
  assert.equal(
    page,
    written,
    "write it again: node -e \"import('./dist/config.js').then(({ configurationDocs }) => " +
      "fs.writeFileSync('docs/configuration.md', configurationDocs(fs.readFileSync('docs/configuration.md', 'utf8'))))\"",
  )
})
