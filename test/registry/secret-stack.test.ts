import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Secret } from '../../registry/index.ts'
import { SecretStack } from '../../registry/secret-stack.ts'

const one = (n: number) => ({ secret: new Secret(`${n}`.padStart(64, '0')), hash: `$argon2id$v=19$${n}` })

test('an empty stack has nothing to give', () => {
  assert.equal(new SecretStack().pop(), undefined)
})

test('what was put in comes out whole, the last first, also when the memory had to grow in between', () => {
  const stack = new SecretStack()
  for (let n = 0; n < 1000; n++) stack.push(one(n))
  assert.equal(stack.size, 1000)
  for (let n = 999; n >= 0; n--) {
    const { secret, hash } = stack.pop() ?? { secret: new Secret(''), hash: '' }
    assert.deepEqual([secret.reveal(), hash], [one(n).secret.reveal(), one(n).hash])
  }
  assert.equal(stack.size, 0)
  assert.equal(stack.pop(), undefined)
})

test('what was forgotten does not come back', () => {
  const stack = new SecretStack()
  stack.push(one(1))
  stack.clear()
  assert.equal(stack.pop(), undefined)
  stack.push(one(2))
  assert.equal(stack.pop()?.hash, one(2).hash)
})
