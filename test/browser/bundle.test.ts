import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bundleSize } from '../../bench/page-bundle.ts'
import { UI_FOLDER, needsPage } from './support/chromium.ts'

const MOST_BYTES = 60_000

test('all files of the page together, but for /docs, are at most 60 kB gzipped', { skip: needsPage() }, () => {
  const { opened, whole } = bundleSize(UI_FOLDER)
  assert.ok(opened > 10_000 && opened < whole, `${opened} bytes are loaded to open it`)
  assert.ok(whole <= MOST_BYTES, `${whole} bytes`)
})
