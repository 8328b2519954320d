import { describe } from 'vitest'
import { isNetSmppInstalled, NET_SMPP, skipBecauseMissing } from './implementations.ts'
import { describeMatrix } from './matrix.ts'

const isInstalled = isNetSmppInstalled()
if (!isInstalled) skipBecauseMissing('The Perl module Net::SMPP', 'libnet-smpp-perl')

describe.skipIf(!isInstalled)('the Perl module Net::SMPP', () => {
  describeMatrix(NET_SMPP)
})
