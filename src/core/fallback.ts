import type { Channel } from './channel.ts'
import type { ContentTemplate, MailContent } from './message-template.ts'

/** How a message may end that another channel is then tried for. */
export type FallbackCause = (typeof FALLBACK_CAUSES)[number]

/** Ends that may lead to the next channel; what was canceled, or delivered, never does. */
export const FALLBACK_CAUSES = ['failed', 'undelivered', 'expired', 'unconfirmed'] as const

/** Causes where the sender names none: nobody has told that the recipient has it. */
export const DEFAULT_CAUSES: readonly FallbackCause[] = ['failed', 'undelivered', 'expired']

/** A message by another channel, as it will be asked for. */
export interface FallbackStep {
  readonly channel: Channel
  readonly to: string
  readonly from: string
  readonly text: string
  readonly template: ContentTemplate | null
  readonly mail: MailContent | null
}

/** What is sent where a message does not arrive. It is stored as JSON. */
export interface Fallback {
  /** The next channel first; never empty. */
  readonly steps: readonly FallbackStep[]
  readonly on: readonly FallbackCause[]
  /** Without a final receipt for so long the next is sent as well; null: that is not waited for. */
  readonly afterSeconds: number | null
}
