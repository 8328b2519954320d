import type { PartnerAccess } from '../config/partner-access.ts'
import { GatewayError } from '../core/errors.ts'
import type { TrafficClass } from '../core/policy.ts'
import { EncodingError } from '../encoding/errors.ts'
import { countSegments } from '../encoding/segment.ts'
import type { MessageRequest } from '../messages/message-request.ts'
import { SegmentBucket } from './segment-bucket.ts'

/** What {@link SubmitTerms} are made of. */
export type SubmitTermsOptions = Pick<
  PartnerAccess,
  'segmentsPerSecond' | 'burst' | 'senderIds' | 'defaultValiditySeconds' | 'maxValiditySeconds'
> & {
  /** Validity of a message that names none. */
  readonly usualValiditySeconds: (trafficClass: TrafficClass) => number
}

/** What a partner's account lets its submits be: senders, pace, validity. One for all its sessions. */
export class SubmitTerms {
  readonly #options: SubmitTermsOptions
  /** Undefined: there is no limit. */
  readonly #bucket: SegmentBucket | undefined
  readonly #senders: ReadonlySet<string>
  readonly #senderPrefixes: readonly string[]

  constructor(options: SubmitTermsOptions) {
    const { segmentsPerSecond, burst, senderIds } = options
    this.#options = options
    if (segmentsPerSecond > 0) {
      this.#bucket = new SegmentBucket(segmentsPerSecond, burst || segmentsPerSecond)
    }
    const isPrefix = (sender: string) => sender.endsWith('*')
    this.#senders = new Set(senderIds.filter((each) => !isPrefix(each)).map(withoutPlus))
    this.#senderPrefixes = senderIds
      .filter(isPrefix)
      .map((sender) => withoutPlus(sender.slice(0, -1)))
  }

  /**
   * Judges a request and gives it with the validity that holds for it.
   *
   * @param now - in milliseconds, for the pace
   * @throws {GatewayError} `from_invalid`, `rate_exceeded`
   */
  admit(request: MessageRequest, now: number): MessageRequest {
    if (!this.#maySendAs(request.from)) {
      throw new GatewayError('from_invalid', `"${request.from}" is no sender id of this account`)
    }
    if (this.#bucket && !this.#bucket.take(segmentsOf(request), now)) {
      const limit = this.#options.segmentsPerSecond
      throw new GatewayError('rate_exceeded', `more than ${limit} segments per second`, {
        retryable: true,
      })
    }
    return this.#withValidity(request)
  }

  #maySendAs(from: string): boolean {
    if (this.#options.senderIds.length === 0) return true
    const sender = withoutPlus(from)
    return (
      this.#senders.has(sender) || this.#senderPrefixes.some((prefix) => sender.startsWith(prefix))
    )
  }

  #withValidity(request: MessageRequest): MessageRequest {
    const { defaultValiditySeconds, maxValiditySeconds, usualValiditySeconds } = this.#options
    const asked = request.validitySeconds ?? defaultValiditySeconds
    if (maxValiditySeconds === undefined) {
      return asked === undefined ? request : { ...request, validitySeconds: asked }
    }
    const wanted = asked ?? usualValiditySeconds(request.trafficClass)
    return { ...request, validitySeconds: Math.min(wanted, maxValiditySeconds) }
  }
}

function withoutPlus(address: string): string {
  return address.startsWith('+') ? address.slice(1) : address
}

function segmentsOf({ text, raw, encoding }: MessageRequest): number {
  if (raw) return 1
  try {
    return countSegments(text, { encoding })
  } catch (error) {
    // Intake refuses it, and says why.
    if (error instanceof EncodingError) return 1
    throw error
  }
}
