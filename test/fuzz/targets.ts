import { type RunnableTarget, runnable } from './target.ts'
import { decodeTarget, encodeTarget, roundTripTarget } from './targets/codec.ts'
import { frameTarget } from './targets/frame.ts'
import { partnerRequestTarget } from './targets/partner-request.ts'
import { reassemblyTarget } from './targets/reassembly.ts'
import { receiptTarget } from './targets/receipt.ts'
import { sessionTarget } from './targets/session.ts'
import { dataCodingTarget, textTarget, udhTarget } from './targets/text.ts'
import { timeTarget } from './targets/time.ts'

/** Everything that reads what peers send. */
export const FUZZ_TARGETS: readonly RunnableTarget[] = [
  runnable(frameTarget),
  runnable(decodeTarget),
  runnable(roundTripTarget),
  runnable(encodeTarget),
  runnable(sessionTarget),
  runnable(receiptTarget),
  runnable(timeTarget),
  runnable(udhTarget),
  runnable(dataCodingTarget),
  runnable(textTarget),
  runnable(reassemblyTarget),
  runnable(partnerRequestTarget),
]
