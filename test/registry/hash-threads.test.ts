import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { getPriority } from 'node:os'
import { test } from 'node:test'
import { argon2id, hash } from 'argon2'
import { DEFAULT_POOL_THREADS } from '../../registry/hash-gate.ts'
import { standBack } from '../../registry/hash-threads.ts'

const poolThreads = Number(process.env['UV_THREADPOOL_SIZE'] ?? DEFAULT_POOL_THREADS)
const slowly = () => hash('a secret', { type: argon2id, memoryCost: 4096, timeCost: 2, parallelism: 1 })

test('threads that hash stand back, and the event loop does not', { skip: process.platform !== 'linux' }, async () => {
  const before = getPriority()
  const found = await standBack(poolThreads, slowly)
  assert.ok(found > 0)
  assert.equal(getPriority(process.pid), before)
  const lower = readdirSync('/proc/self/task').filter((thread) => getPriority(Number(thread)) > before)
  assert.equal(lower.length, found)
})
