import { BoundedLog } from '../core/bounded-log.ts'
import type { Clock } from '../core/clock.ts'
import { GatewayError, messageOf } from '../core/errors.ts'
import { newId } from '../core/id.ts'
import type { Logger } from '../core/logger.ts'
import { Networks } from '../core/networks.ts'
import { isSame } from '../providers/digests.ts'
import type { CallbackAnswer, CallbackRequest, Callbacks } from '../providers/provider.ts'
import type { CallbackTarget, TargetOf } from './callback-target.ts'
import type { CallbackWriter } from './callback-writer.ts'
import { type CallbackKind, digestOf, onceKeyOf } from './stored-callback.ts'

/** What can become of a callback. */
export type CallbackOutcome =
  | 'taken'
  /** The provider has sent it before. */
  | 'repeated'
  /** It is not the provider's: a wrong secret, address or signature. */
  | 'forged'
  /** It was signed too long ago, or in the future. */
  | 'late'
  /** Its nonce was used for something else. */
  | 'replayed'
  | 'oversized'
  /** It is the provider's, and not what the provider documents. */
  | 'unreadable'
  /** There is no carrier of that name, or its provider reports nothing by itself. */
  | 'unknown'
  /** It could not be stored now. */
  | 'busy'

/** A callback as far as its path and its connection tell. */
export interface CallbackOrigin {
  readonly carrier: string
  /** As it stands in the path; undefined: none does. */
  readonly secret: string | undefined
  readonly kind: CallbackKind
  /** Undefined: it came without a socket. */
  readonly address: string | undefined
}

/** A callback whose path and address are good: its body may be read. */
export interface AdmittedCallback {
  readonly origin: CallbackOrigin
  readonly callbacks: Callbacks
  /** True where it is known already that it comes from somebody who knows the secret. */
  readonly isVouchedFor: boolean
}

/** What a {@link CallbackDesk} works with. */
export interface CallbackDeskOptions {
  readonly targetOf: TargetOf
  readonly writer: CallbackWriter
  /** Counts; the carrier is empty where there is none of that name. */
  readonly onOutcome: (carrier: string, kind: string, outcome: CallbackOutcome) => void
  readonly logger: Logger
  readonly clock: Clock
}

const MAX_NAME_CHARACTERS = 63

/** The longest body there is, in octets: some thousand receipts. */
export const MAX_CALLBACK_OCTETS = 1024 * 1024

/** Decides which callbacks are genuine and new, and has them stored before their providers are answered. */
export class CallbackDesk {
  readonly #options: CallbackDeskOptions
  readonly #refusals: BoundedLog
  readonly #networks = new WeakMap<readonly string[], Networks>()

  constructor(options: CallbackDeskOptions) {
    this.#options = options
    this.#refusals = new BoundedLog(options.logger, options.clock, {
      one: 'a callback of a provider was refused',
      more: 'more callbacks of providers were refused',
    })
  }

  /** What can be told before the body is read; undefined: it is refused. */
  admit(origin: CallbackOrigin): AdmittedCallback | undefined {
    return this.#admit(origin, (target) => {
      return secretFault(target, origin) ?? this.#addressFault(target, origin)
    })
  }

  /** As {@link admit}, for what has not come by a path: whoever has taken it knows that it is for the carrier. */
  admitByAddress(origin: CallbackOrigin): AdmittedCallback | undefined {
    return this.#admit(origin, (target) => this.#addressFault(target, origin))
  }

  /**
   * Takes a callback; resolves when it is durable.
   *
   * @returns what the provider is to be answered; undefined: it is refused
   * @throws {GatewayError} `busy`, `storage_unavailable` or `closed` (retryable)
   */
  async receive(
    { origin, callbacks }: AdmittedCallback,
    request: CallbackRequest,
  ): Promise<CallbackAnswer | undefined> {
    const { clock } = this.#options
    const receivedAt = clock()
    const nonce = this.#checked(origin, callbacks, request, receivedAt)
    if (nonce === undefined) return undefined
    // The secret is to stand nowhere: what is stored is called without it.
    const stored = { ...request, url: withoutSecret(request.url, origin) }
    const digest = digestOf(stored)
    const written = await this.#write(origin, {
      id: newId(),
      carrier: origin.carrier,
      request: stored,
      receivedAt,
      address: origin.address,
      digest,
      onceKey: onceKeyOf(digest, nonce),
    })
    if (written === 'replayed') {
      this.#refuse(origin, 'replayed', 'nonce_used_for_another')
      return undefined
    }
    // A new one is counted when it is taken.
    if (written === 'repeated') this.#count(origin, 'repeated')
    return this.#answerOf(origin, callbacks, stored)
  }

  /** Notes that whoever has taken it knows that it is not for the carrier. */
  forged(origin: CallbackOrigin, reason: string): void {
    this.#refuse(origin, 'forged', reason)
  }

  /** Notes that a body is over the limit. */
  oversized(origin: CallbackOrigin): void {
    this.#refuse(origin, 'oversized', 'body_too_large')
  }

  /** Says what the log has left out. */
  close(): void {
    this.#refusals.tellLeft()
  }

  #admit(
    origin: CallbackOrigin,
    faultOf: (target: CallbackTarget) => string | undefined,
  ): AdmittedCallback | undefined {
    const target = this.#options.targetOf(origin.carrier)
    if (!target?.callbacks) {
      this.#refuse(origin, 'unknown', target ? 'no_callbacks' : 'carrier_unknown')
      return undefined
    }
    const fault = faultOf(target)
    if (fault) {
      this.#refuse(origin, 'forged', fault)
      return undefined
    }
    const { callbacks, secret } = target
    return { origin, callbacks, isVouchedFor: secret !== undefined }
  }

  #addressFault({ addresses }: CallbackTarget, origin: CallbackOrigin): string | undefined {
    if (addresses.length === 0) return undefined
    const isFrom = origin.address !== undefined && this.#listOf(addresses).has(origin.address)
    return isFrom ? undefined : 'address_not_allowed'
  }

  #listOf(addresses: readonly string[]): Networks {
    let networks = this.#networks.get(addresses)
    if (!networks) {
      networks = new Networks(addresses)
      this.#networks.set(addresses, networks)
    }
    return networks
  }

  /** The nonce of a genuine callback, null where it has none; undefined: it is refused. */
  #checked(
    origin: CallbackOrigin,
    callbacks: Callbacks,
    request: CallbackRequest,
    now: Date,
  ): string | null | undefined {
    if (!callbacks.check) return null
    let check: ReturnType<NonNullable<Callbacks['check']>>
    try {
      check = callbacks.check(request)
    } catch (error) {
      this.#refuse(origin, 'forged', `it cannot be checked: ${messageOf(error)}`)
      return undefined
    }
    if (!check.isGenuine) {
      this.#refuse(origin, 'forged', check.reason)
      return undefined
    }
    const { signedAt, nonce } = check
    const { maxAgeSeconds } = callbacks
    const offMs = signedAt ? Math.abs(now.getTime() - signedAt.getTime()) : 0
    if (maxAgeSeconds !== undefined && !(offMs <= maxAgeSeconds * 1_000)) {
      this.#refuse(origin, 'late', `signed ${Math.round(offMs / 1_000)} seconds from now`)
      return undefined
    }
    return nonce
  }

  async #write(
    origin: CallbackOrigin,
    callback: Parameters<CallbackWriter['write']>[0],
  ): ReturnType<CallbackWriter['write']> {
    try {
      return await this.#options.writer.write(callback)
    } catch (error) {
      this.#refuse(origin, 'busy', messageOf(error))
      if (error instanceof GatewayError) throw error
      throw new GatewayError('storage_unavailable', 'it cannot be stored: try again later', {
        retryable: true,
        cause: error,
      })
    }
  }

  /** What is stored is the provider's no more to send: a mistake here must not bring it again. */
  #answerOf(
    { carrier }: CallbackOrigin,
    callbacks: Callbacks,
    request: CallbackRequest,
  ): CallbackAnswer {
    try {
      return callbacks.answer(request)
    } catch (error) {
      const { logger } = this.#options
      logger.error({ carrier, error: messageOf(error) }, 'a stored callback is answered with 200')
      return { status: 200, contentType: null, body: '' }
    }
  }

  #refuse(origin: CallbackOrigin, outcome: CallbackOutcome, reason: string): void {
    const { kind, address } = origin
    const carrier = origin.carrier.slice(0, MAX_NAME_CHARACTERS)
    this.#refusals.warn({ outcome, reason, carrier, kind, address })
    this.#count(origin, outcome)
  }

  #count({ carrier, kind }: CallbackOrigin, outcome: CallbackOutcome): void {
    const isKnown = this.#options.targetOf(carrier)?.callbacks !== undefined
    this.#options.onOutcome(isKnown ? carrier : '', kind, outcome)
  }
}

/** What is wrong with the path, where something is. */
function secretFault(
  { callbacks, secret }: CallbackTarget,
  origin: CallbackOrigin,
): string | undefined {
  if (secret === undefined) return callbacks?.check ? undefined : 'no_secret_configured'
  // An absent one takes as long as a wrong one.
  return isSame(origin.secret ?? '', secret) ? undefined : 'secret_wrong'
}

function withoutSecret(url: string, { secret, kind }: CallbackOrigin): string {
  if (secret === undefined) return url
  const end = url.indexOf('?')
  const path = end < 0 ? url : url.slice(0, end)
  const secretAt = path.lastIndexOf('/', path.lastIndexOf('/') - 1)
  return `${path.slice(0, secretAt)}/${kind}${url.slice(path.length)}`
}
