import { domainToASCII } from 'node:url'

/** By which way a message goes out. */
export type Channel = (typeof CHANNELS)[number]

/**
 * Channels that there are.
 *
 * - `sms`: to a number or a short code; all that goes by numbers, countries and networks is for it alone
 * - `email`: to one address
 * - `wecom`: to members of an enterprise
 * - `dingtalk`: to a group, through a robot of it
 * - `webhook`: to a receiver whose address the carrier is set with
 */
export const CHANNELS = ['sms', 'email', 'wecom', 'dingtalk', 'webhook'] as const

/** Channels whose recipients are no numbers. */
export type OtherChannel = Exclude<Channel, 'sms'>

/** The country of messages that go to no number: ISO 3166-1 leaves the code to its users. */
export const NO_COUNTRY = 'ZZ'

/** How texts are counted that go to no handset: one segment, however long they are. */
export const WHOLE_TEXT = { encoding: 'utf8', segments: 1 } as const

/** A recipient or sender as messages have it, or what would be right in its place. */
export type AddressResult =
  | { readonly ok: true; readonly address: string }
  | { readonly ok: false; readonly reason: string }

/** What a recipient is called in errors. */
export const RECIPIENTS: Readonly<Record<Channel, string>> = {
  sms: 'a phone number',
  email: 'an e-mail address',
  wecom: 'a WeCom recipient',
  dingtalk: 'a DingTalk recipient',
  webhook: 'a name of a receiver',
}

// RFC 5321, sections 4.5.3.1.1 to 4.5.3.1.3; the path of 256 octets has its angle brackets.
const MAX_LOCAL = 64
const MAX_ADDRESS = 254
const MAX_LABEL = 63
/** RFC 5322, section 3.2.3. */
const ATOMS = /^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*$/
const LABEL = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/

/** As WeCom has them: a letter or digit first. */
const WECOM_USER = /^[A-Za-z0-9][A-Za-z0-9_.@-]{0,63}$/
const WECOM_GROUP = /^(party|tag):\d{1,10}$/
const WECOM_ALL = '@all'

/** Nobody of the group, or everybody, is mentioned. */
const DINGTALK_GROUPS: readonly string[] = ['group', '@all']
/** A mobile number, or a user id. */
const DINGTALK_MEMBER = /^\+?[A-Za-z0-9][A-Za-z0-9_.@-]{0,63}$/
const MAX_MEMBERS = 20

const RECEIVER = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/

/** Longest sender of a message that is no SMS. */
const MAX_SENDER = 200
const CONTROL = /\p{Cc}/u

/** Reads who a message goes to that goes to no number. */
export function readRecipient(channel: OtherChannel, text: string): AddressResult {
  const trimmed = text.trim()
  if (trimmed === '') return refused('it is empty')
  return READERS[channel](trimmed)
}

/**
 * Reads who a message is from that is no SMS: an address or a name for e-mail, empty for the sender that its carrier is
 * set with; the other channels know none.
 */
export function readChannelSender(channel: OtherChannel, text: string): AddressResult {
  if (channel !== 'email') return accepted('')
  const trimmed = text.trim()
  if (CONTROL.test(trimmed)) return refused('it has a line break or another control character')
  if (trimmed.length <= MAX_SENDER) return accepted(trimmed)
  return refused(`it has ${trimmed.length} characters, and ${MAX_SENDER} are the most`)
}

const READERS: Readonly<Record<OtherChannel, (text: string) => AddressResult>> = {
  email: readMailAddress,
  wecom: readWecom,
  dingtalk: readDingtalk,
  webhook: (text) =>
    RECEIVER.test(text)
      ? accepted(text)
      : refused(
          'give the name of a receiver: 1 to 63 letters, digits, "-", "_" or ".", the first a letter or a digit',
        ),
}

function readMailAddress(text: string): AddressResult {
  if (CONTROL.test(text)) return refused('it has a line break or another control character')
  if (/[<>,;"\s]/.test(text)) {
    return refused('give one address alone, without a name, quotes, blanks or angle brackets')
  }
  const at = text.lastIndexOf('@')
  if (at < 0) return refused('it has no "@"')
  const local = text.slice(0, at)
  if (!ATOMS.test(local)) {
    return refused(`${JSON.stringify(local)} cannot stand before the "@" (RFC 5322, dot-atom)`)
  }
  if (local.length > MAX_LOCAL) {
    return refused(`${local.length} characters stand before the "@", and ${MAX_LOCAL} are the most`)
  }
  const domain = domainToASCII(text.slice(at + 1)).toLowerCase()
  const labels = domain.split('.')
  if (labels.length < 2 || !labels.every(isLabel) || /^\d+$/.test(labels.at(-1) ?? '')) {
    return refused(`${JSON.stringify(text.slice(at + 1))} is no domain such as example.com`)
  }
  const address = `${local}@${domain}`
  if (address.length <= MAX_ADDRESS) return accepted(address)
  return refused(`it has ${address.length} characters, and ${MAX_ADDRESS} are the most`)
}

function isLabel(label: string): boolean {
  return label.length <= MAX_LABEL && LABEL.test(label)
}

function readWecom(text: string): AddressResult {
  if (text === WECOM_ALL || WECOM_GROUP.test(text) || WECOM_USER.test(text)) return accepted(text)
  return refused(
    'give a user id (up to 64 letters, digits, "_", "-", "@" or ".", the first a letter or a digit), ' +
      '"party:" or "tag:" with a number, or "@all"',
  )
}

function readDingtalk(text: string): AddressResult {
  if (DINGTALK_GROUPS.includes(text)) return accepted(text)
  const members = [...new Set(text.split(',').map((each) => each.trim()))]
  if (members.length <= MAX_MEMBERS && members.every((each) => DINGTALK_MEMBER.test(each))) {
    return accepted(members.join(','))
  }
  return refused(
    `give "group", "@all", or up to ${MAX_MEMBERS} members by mobile number or user id with "," between them`,
  )
}

function accepted(address: string): AddressResult {
  return { ok: true, address }
}

function refused(reason: string): AddressResult {
  return { ok: false, reason }
}
