import type { z } from 'zod'
import type { Channel } from '../core/channel.ts'
import type { FailureCode } from '../core/failure-code.ts'
import type { HttpRequest, HttpResponse } from './http-call.ts'
import type { ErrorTable, ProviderErrorInfo, RawError } from './provider-error.ts'

/** A message as an account of a provider is to send it. */
export interface ProviderMessage {
  /** Ours, a UUIDv7: for fields that the provider gives back. */
  readonly id: string
  /** E.164 with `+`; on other channels than `sms` the recipient as that channel writes it. */
  readonly to: string
  /** The sender as it was written. */
  readonly from: string
  readonly text: string
  /** The provider's template that says it; null: it goes as a text. */
  readonly template: ProviderTemplate | null
  /** The approved signature name (or its id) that it goes under, without brackets; empty: none is set. */
  readonly sign: string
  /** When it is worth nothing any more. */
  readonly expiresAt: Date
  /** What the key of its call is made of, see `call-key.ts`. */
  readonly submitKey: string
  /** It was sent before with that key, and nobody knows what became of it. */
  readonly isRepetition: boolean
}

/** A template at the provider, filled. */
export interface ProviderTemplate {
  /** The provider's id of it. */
  readonly id: string
  /** In the order in which the template has them. */
  readonly variables: readonly { readonly name: string; readonly value: string }[]
}

/** What a request is made with, beside what it says. */
export interface Call {
  readonly now: Date
  /** 32 hexadecimal digits, others for every call, also for one that is made again. */
  readonly nonce: string
  /** What {@link ProviderAccount.token} has fetched; empty where it is absent. */
  readonly token: string
  /** Our address for callbacks, to which `/delivery` and `/mo` are added; null where none is set. */
  readonly callbackUrl: string | null
}

/** What became of one message of a call. */
export type SendResult =
  | {
      readonly kind: 'accepted'
      /** The provider's id, as it came. */
      readonly providerId: string
      /** What its receipts are found by; see {@link sharedKey}. */
      readonly matchKey: string
      /** True where the answer says that it has arrived: no receipt follows. */
      readonly isDelivered?: true
    }
  | ({ readonly kind: 'refused' } & RawError)

/** What a provider says about one message that it has taken. */
export interface ProviderReceipt {
  readonly providerId: string
  /** As in {@link SendResult}. */
  readonly matchKey: string
  /** What it is found by where a repetition was answered without the id of the message. */
  readonly repetitionKey?: string
  /** E.164 with `+`; null where it is not told. */
  readonly to: string | null
  /** `pending`: it is on its way, and another one follows. */
  readonly status: 'delivered' | 'failed' | 'pending'
  /** The provider's or the network's code, as it came; may be empty. */
  readonly code: string
  /** What the code means, where the provider documents it; null: it is judged by its form. */
  readonly failure: FailureCode | null
  /** The provider's own words; may be empty. */
  readonly text: string
  readonly at: Date | null
  /** Which part of a long message it is of, from 1, and how many there are; absent: it is of the whole message. */
  readonly part?: number
  readonly parts?: number
}

/** A message of a handset (MO). */
export interface ProviderInbound {
  /** Null where the provider gives none. */
  readonly id: string | null
  /** E.164 with `+` where it is a number. */
  readonly from: string
  /** The number or extension that it was sent to; may be empty. */
  readonly to: string
  readonly text: string
  readonly at: Date | null
}

/** What a callback or a pull brings. */
export interface ProviderReports {
  readonly receipts: readonly ProviderReceipt[]
  readonly inbound: readonly ProviderInbound[]
}

/** A message that the provider has, and is asked about. */
export interface SentMessage {
  readonly providerId: string
  /** E.164 with `+`. */
  readonly to: string
  readonly sentAt: Date
}

/** A call by which reports are fetched; each report is handed out once. */
export interface Pull {
  /** What it brings, for logs and metrics. */
  readonly name: 'receipts' | 'inbound'
  request(call: Call): HttpRequest
  /** `isMore`: as many came as one call brings, so there may be others. */
  read(response: HttpResponse): ProviderReports & { readonly isMore: boolean }
}

/** A request of a provider, as it came. */
export interface CallbackRequest {
  readonly method: 'GET' | 'POST'
  /** `mo` where it was sent to the address for inbound messages. */
  readonly kind: 'delivery' | 'mo'
  /** Absolute, as the provider has called it. */
  readonly url: string
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
}

/** Whether a callback is the provider's. */
export type CallbackCheck =
  | {
      readonly isGenuine: true
      /** When it was signed; null where that is not signed. */
      readonly signedAt: Date | null
      /** What the provider uses once only; null where there is nothing of the kind. */
      readonly nonce: string | null
    }
  | { readonly isGenuine: false; readonly reason: string }

/** What a provider's callback is answered with. */
export interface CallbackAnswer {
  readonly status: number
  /** Null: no body. */
  readonly contentType: string | null
  readonly body: string
}

/** How a provider reports by itself. */
export interface Callbacks {
  /** How old {@link CallbackCheck.signedAt} may be, in seconds; how far ahead as well. */
  readonly maxAgeSeconds?: number
  /** Absent where the provider signs nothing: then only the secret in the address keeps others away. */
  check?(request: CallbackRequest): CallbackCheck
  /**
   * What it says; nothing of both for what only checks the address.
   *
   * @throws {UnreadableCallbackError} where it cannot be read
   */
  read(request: CallbackRequest): ProviderReports | Promise<ProviderReports>
  /** What tells the provider that it has been taken, also where it is a repetition or of an unknown message. */
  answer(request: CallbackRequest): CallbackAnswer
}

/** A callback that is not what the provider documents. */
export class UnreadableCallbackError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'UnreadableCallbackError'
  }
}

/** What is left of an account. */
export interface ProviderBalance {
  /** A decimal number, as it came. */
  readonly amount: string
  /** A currency, or what is counted: `CNY`, `messages`. */
  readonly unit: string
}

/** A token that calls need. */
export interface ProviderToken {
  readonly value: string
  readonly lifetimeSeconds: number
}

/**
 * One account at a provider: how requests to it are written and its answers read. It does nothing by itself and keeps
 * nothing.
 */
export interface ProviderAccount {
  /** What holds for this account instead of what its {@link Provider} says. */
  readonly traits?: Partial<ProviderTraits>
  /** Calls per second that this account has instead of what its {@link Provider} says. */
  readonly requestsPerSecond?: number
  /** Most messages of one call. */
  readonly maxBatch: number
  /** True where a call that comes twice with one key counts once: see `call-key.ts`. */
  readonly knowsRepetitions?: true
  /** Messages with the same key may go in one call; see {@link equalMessages}. */
  batchKey(message: ProviderMessage): string
  /**
   * The call that sends messages with one key.
   *
   * @throws {EncodingError} never: what cannot be sent is refused in `layOut` of the carrier
   */
  send(messages: readonly ProviderMessage[], call: Call): HttpRequest
  /**
   * What became of each, in the same order.
   *
   * @throws {UnreadableAnswerError} where nobody can say
   */
  readSend(response: HttpResponse, messages: readonly ProviderMessage[]): readonly SendResult[]
  /** What an error means. */
  classify(error: RawError): ProviderErrorInfo
  /** How long the account is to be left alone after an error that says it is too fast; absent: that is not documented. */
  restSeconds?(error: RawError): number
  /** Asks about one message; absent where the provider has no such call. */
  readonly query?: {
    request(sent: SentMessage, call: Call): HttpRequest
    /** Null: the provider does not know it, or not yet. */
    read(response: HttpResponse, sent: SentMessage): ProviderReceipt | null
  }
  /** Absent where the provider has none. */
  readonly pulls?: readonly Pull[]
  /** Absent where the provider has no such call. */
  readonly balance?: {
    request(call: Call): HttpRequest
    /** A refusal is what it says when the account is not in order. */
    read(response: HttpResponse): ProviderBalance | RawError
  }
  /** Absent where calls need none. */
  readonly token?: {
    request(call: Call): HttpRequest
    read(response: HttpResponse): ProviderToken | RawError
    /** True for what a call with a token that is no longer good is answered with. */
    isRefused(error: RawError): boolean
  }
  /** Absent where the provider reports nothing by itself. */
  readonly callbacks?: Callbacks
}

/** What a provider takes and how it counts it. */
export interface ProviderTraits {
  /** By which way it brings messages. */
  readonly channel: Channel
  /** Whether it sends texts as they are, only approved templates, or both. */
  readonly takes: 'text' | 'template' | 'either'
  /** How it counts segments: by the alphabet, or as if all were UCS-2. */
  readonly counts: 'by_alphabet' | 'as_ucs2'
  /** True where the signature name is put before the text, in `【】`, and counts. */
  readonly countsSign: boolean
  /** Longest text in UTF-16 units; undefined: no bound of its own. */
  readonly maxCharacters?: number
  /** Longest text in octets of UTF-8; undefined: no bound of its own. */
  readonly maxOctets?: number
  /** False for what delivers no receipts at all: taken is the end. */
  readonly givesReceipts: boolean
}

/** One provider: what is set for an account, and how it is spoken to. */
export interface Provider extends ProviderTraits {
  /** As configurations name it. */
  readonly name: string
  /** For people. */
  readonly title: string
  /** What one account is set with, as a mapping of the configuration. */
  readonly settings: z.ZodObject
  /** What its codes stand for, of answers and of receipts; the guide lists them. */
  readonly errors: ErrorTable
  /** Calls per second that an account has unless told otherwise; 0: no limit is known. */
  readonly requestsPerSecond: number
  /** @param settings - what {@link settings} has made of the configuration */
  open(settings: unknown): ProviderAccount
}

/** A provider whose accounts are opened with what its own settings say. */
export function defineProvider<S extends z.ZodObject>(
  definition: Omit<Provider, 'settings' | 'open'> & {
    readonly settings: S
    readonly open: (settings: z.output<S>) => ProviderAccount
  },
): Provider {
  const { open, ...rest } = definition
  return { ...rest, open: (settings) => open(settings as z.output<S>) }
}

/** The key of receipts where a provider has one id for all numbers of a call. */
export function sharedKey(providerId: string, e164: string): string {
  return `${providerId} ${e164}`
}

/** The {@link ProviderAccount.batchKey} of a provider that sends one content to many numbers. */
export function equalMessages({ text, template, sign, from }: ProviderMessage): string {
  return JSON.stringify(template ? [from, sign, template] : [from, sign, text])
}

/** What is told of messages that one error concerns alike. */
export function allRefused(messages: readonly ProviderMessage[], error: RawError): SendResult[] {
  return messages.map(() => ({ kind: 'refused', ...error }))
}

/** True for an error where something else could have been read. */
export function isRawError(read: object): read is RawError {
  return 'httpStatus' in read
}
