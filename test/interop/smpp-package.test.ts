import { describe } from 'vitest'
import { SMPP_PACKAGE } from './implementations.ts'
import { describeMatrix } from './matrix.ts'

describe('the package smpp', () => {
  describeMatrix(SMPP_PACKAGE)
})
