const ALLOCATORS = ['alloc', 'allocUnsafe', 'allocUnsafeSlow'] as const

/**
 * Runs something and gives its result; throws when it asks for a buffer of more than `maxOctets` at
 * once, as whoever believes an announced length does.
 */
export function withAllocationLimit<Result>(maxOctets: number, run: () => Result): Result {
  const originals = ALLOCATORS.map((name) => Buffer[name])
  let largest = 0
  for (const [index, name] of ALLOCATORS.entries()) {
    const original = originals[index] as (size: number, ...rest: unknown[]) => Buffer
    Object.assign(Buffer, {
      [name]: (size: number, ...rest: unknown[]) => {
        largest = Math.max(largest, size)
        return original.call(Buffer, size, ...rest)
      },
    })
  }
  try {
    return run()
  } finally {
    for (const [index, name] of ALLOCATORS.entries()) {
      Object.assign(Buffer, { [name]: originals[index] })
    }
    if (largest > maxOctets) {
      // Thrown from here on purpose: it counts more than what `run` may have thrown.
      // biome-ignore lint/correctness/noUnsafeFinally: see above
      throw new Error(`asked for a buffer of ${largest} octets, ${maxOctets} at most are due`)
    }
  }
}
