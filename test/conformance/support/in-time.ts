/** Rejects with `otherwise` when `work` takes longer. */
export async function inTime<T>(
  work: Promise<T>,
  otherwise: string | (() => string),
  milliseconds = 8_000,
): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`${wordsOf(otherwise)} (waited ${milliseconds} ms)`))
    }, milliseconds)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}

const wordsOf = (words: string | (() => string)): string => (typeof words === 'string' ? words : words())

export async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve))
}

/** For what nobody announces. */
export async function eventually(
  otherwise: string | (() => string),
  holds: () => boolean,
  milliseconds = 8_000,
): Promise<void> {
  const late = Date.now() + milliseconds
  while (!holds()) {
    if (Date.now() > late) throw new Error(`${wordsOf(otherwise)} (waited ${milliseconds} ms)`)
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}
