import { BoundedLog } from '../core/bounded-log.ts'
import type { Clock } from '../core/clock.ts'
import { GatewayError } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'

/** Why a key was refused: for the log and whoever watches, never for the caller. */
export type RefusalReason =
  | 'key_missing'
  | 'key_unknown'
  | 'key_revoked'
  | 'key_expired'
  /** The configuration has its tenant no more. */
  | 'tenant_gone'
  | 'address_not_allowed'
  | 'signature_missing'
  | 'signature_wrong'
  | 'timestamp_out_of_window'
  | 'replayed'

/** A request that was refused because of its key. */
export interface Refusal {
  readonly reason: RefusalReason
  /** Undefined: no key of ours is meant. */
  readonly keyName: string | undefined
  /** Undefined: it came without a socket. */
  readonly address: string | undefined
  readonly method: string
  readonly path: string
}

/** Says the same whatever is wrong, so that nothing can be learned of keys by trying. */
const REFUSED =
  'the request has no key that is good here: send an API key as "Authorization: Bearer KEY", or sign the ' +
  'request (docs/api-keys.md); a key may be unknown, revoked, expired or not allowed from this address, a ' +
  'signature missing, wrong, too old, too new or used before'

/** A request is refused because of its key; only the audit log, the metrics and the log learn why. */
export class UnauthorizedError extends GatewayError {
  readonly refusal: Refusal

  constructor(refusal: Refusal) {
    super('unauthorized', REFUSED)
    this.refusal = refusal
  }
}

const MAX_PATH_CHARACTERS = 200

/** Logs why requests were refused: so many a minute, and how many more there were. */
export class RefusalLog {
  readonly #log: BoundedLog

  constructor(logger: Logger, clock: Clock) {
    this.#log = new BoundedLog(logger, clock, {
      one: 'a request was refused: it has no valid API key',
      more: 'more requests without a valid API key were refused',
    })
  }

  note({ reason, keyName, address, method, path }: Refusal): void {
    const shownPath = path.slice(0, MAX_PATH_CHARACTERS)
    this.#log.warn({ reason, key: keyName, address, method, path: shownPath })
  }

  /** Says how many there were that have no line of their own. */
  tellLeft(): void {
    this.#log.tellLeft()
  }
}
