import type { PartnerAccess } from '../config/partner-access.ts'
import { GatewayError } from '../core/errors.ts'
import type { TrafficClass } from '../core/policy.ts'
import type { MessageRequest } from '../messages/message-request.ts'

/** What {@link SubmitTerms} are made of. */
export type SubmitTermsOptions = Pick<
  PartnerAccess,
  'senderIds' | 'defaultValiditySeconds' | 'maxValiditySeconds'
> & {
  /** Validity of a message that names none. */
  readonly usualValiditySeconds: (trafficClass: TrafficClass) => number
}

/** What a partner's account lets its submits be: senders and validity. One for all its sessions. */
export class SubmitTerms {
  readonly #options: SubmitTermsOptions
  readonly #senders: ReadonlySet<string>
  readonly #senderPrefixes: readonly string[]

  constructor(options: SubmitTermsOptions) {
    const { senderIds } = options
    this.#options = options
    const isPrefix = (sender: string) => sender.endsWith('*')
    this.#senders = new Set(senderIds.filter((each) => !isPrefix(each)).map(withoutPlus))
    this.#senderPrefixes = senderIds
      .filter(isPrefix)
      .map((sender) => withoutPlus(sender.slice(0, -1)))
  }

  /**
   * Judges a request and gives it with the validity that holds for it.
   *
   * @throws {GatewayError} `from_invalid`
   */
  admit(request: MessageRequest): MessageRequest {
    if (!this.#maySendAs(request.from)) {
      throw new GatewayError('from_invalid', `"${request.from}" is no sender id of this account`)
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
