import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bundleSize } from '../../bench/page-bundle.ts'
import { UI_FOLDER, needsPage } from './support/chromium.ts'

const MOST_BYTES = 60_000

test('what a browser loads to open the page is at most 60 kB gzipped', { skip: needsPage() }, () => {
  const bytes = bundleSize(UI_FOLDER)
  assert.ok(bytes > 10_000 && bytes <= MOST_BYTES, `${bytes} bytes`)
})
