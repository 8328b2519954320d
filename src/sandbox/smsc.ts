import { renameSync } from 'node:fs'
import smpp from 'smpp'
import { type Delivery, moDeliveries, receiptDelivery } from './delivery.ts'
import { DueQueue } from './due-queue.ts'
import {
  type AnswerFault,
  type Befallen,
  type FaultRule,
  FaultScript,
  spoiled,
  statusOf,
} from './faults.ts'
import { Mailbox } from './mailbox.ts'
import { MessageBook } from './message-book.ts'
import {
  decideOutcome,
  isWanted,
  type Outcome,
  type PlannedReceipt,
  withinValidity,
} from './outcome.ts'
import type { MoMessage, SandboxSmscOptions, SubmitAction, TrueCounts } from './smsc-options.ts'
import { type BindState, SmscSession } from './smsc-session.ts'
import { loadState, saveState } from './state-file.ts'
import { assemble, type ReceivedMessage, type ReceivedSubmit, readSubmit } from './submit-log.ts'

const Status = {
  ok: 0,
  invalidBindStatus: 0x04,
  alreadyBound: 0x05,
  invalidCommand: 0x03,
  invalidPassword: 0x0e,
  invalidSystemId: 0x0f,
  queueFull: 0x14,
  throttled: 0x58,
  queryFailed: 0x67,
} as const

const BINDS: Readonly<Record<string, BindState>> = {
  bind_transmitter: 'transmitter',
  bind_receiver: 'receiver',
  bind_transceiver: 'transceiver',
}

const INTERFACE_VERSION = 0x34
const MAX_WAITING = 200_000
const MAX_THROTTLED = 10_000
const MAX_SAVED_IN_PASSING = 20_000
const BIND_TIMEOUT_MS = 10_000
const CLOSE_TIMEOUT_MS = 500
const TICK_MS = 1000
const SHORT_CODE_DIGITS = 8

/**
 * A simulated carrier: an SMSC that takes messages, answers and sends receipts.
 *
 * Speaks through the npm package `smpp`, so that the gateway is tested against an implementation that
 * is not its own. The last six digits of a destination choose the outcome (see `outcome.ts`).
 * One account; any number of sessions. An instance is started once.
 */
export class SandboxSmsc {
  readonly #options: SandboxSmscOptions
  readonly #server: smpp.Server
  readonly #sessions = new Set<SmscSession>()
  readonly #mailbox: Mailbox
  readonly #book: MessageBook
  readonly #responses = new DueQueue<() => void>((respond) => respond())
  /** Responses that {@link hold} keeps back; undefined: none are. */
  #heldAnswers: (() => void)[] | undefined
  readonly #throttled = new Set<string>()
  readonly #submits: ReceivedSubmit[] = []
  readonly #counts = { submits: 0, accepted: 0, delivered: 0, faked: 0 }
  #faults: FaultScript
  readonly #moWaiting = new Map<Delivery, (isAcknowledged: boolean) => void>()
  #ticker: NodeJS.Timeout | undefined
  #reference = 0
  #hasChanged = false
  #isClosing = false

  constructor(options: SandboxSmscOptions) {
    this.#options = options
    this.#faults = this.#script(options.faults ?? [], options.commonFaults)
    this.#book = new MessageBook(options.idForm ?? 'decimal')
    this.#server = smpp.createServer((session) => this.#accept(session))
    this.#mailbox = new Mailbox(
      this.#sessions,
      (delivery) => this.#settle(delivery, true),
      (delivery, status) => {
        options.log?.warn({ carrier: options.name, status }, 'the ESME refused a delivery')
        this.#settle(delivery, false)
      },
    )
  }

  /** Sessions bound now. */
  get boundSessions(): number {
    return [...this.#sessions].filter(({ bindState }) => bindState !== 'open').length
  }

  /** Deliveries that wait for their instant or for a session. */
  get waitingDeliveries(): number {
    return this.#mailbox.size
  }

  /** How many submits each rule of the script has befallen, in its order. */
  get faultCounts(): number[] {
    return this.#faults.counts
  }

  /** What truly became of everything since the start. */
  get trueCounts(): TrueCounts {
    return { ...this.#counts }
  }

  /**
   * Replaces the script of faults; it begins now.
   *
   * @param common - what carriers count together, in place of `commonFaults`
   * @throws {RangeError} for a rule that can never be kept
   */
  setFaults(rules: readonly FaultRule[], common?: FaultScript): void {
    this.#faults = this.#script(rules, common)
  }

  /** Keeps responses to submits, or deliveries, back until {@link release}; all else goes on. */
  hold(what: 'answers' | 'deliveries'): void {
    if (what === 'answers') this.#heldAnswers ??= []
    else this.#mailbox.hold()
  }

  /** Sends what {@link hold} has kept back, and keeps nothing back any more. */
  release(): void {
    const answers = this.#heldAnswers ?? []
    this.#heldAnswers = undefined
    for (const answer of answers) answer()
    this.#mailbox.release()
  }

  /** Ends every connection at once, without a word. */
  cutSessions(): void {
    for (const session of this.#sessions) session.destroy()
  }

  /** The submits received last, oldest first, at most `keepSubmits`. */
  submits(): readonly ReceivedSubmit[] {
    return [...this.#submits]
  }

  /** The accepted messages among {@link submits}, long ones put together. */
  messages(): ReceivedMessage[] {
    return assemble(this.#submits)
  }

  /** Loads the state and listens; resolves with the port. */
  async start(): Promise<{ port: number }> {
    const { host = '127.0.0.1', port = 0, name, log } = this.#options
    await new Promise<void>((resolve, reject) => {
      this.#server.on('error', (error) => {
        log?.warn({ carrier: name, error }, 'the listener failed')
        reject(error)
      })
      this.#server.listen(port, host, resolve)
    })
    this.#restore()
    this.#ticker = setInterval(() => this.#tick(), TICK_MS)
    this.#ticker.unref()
    const address = this.#server.address()
    return { port: typeof address === 'object' && address !== null ? address.port : port }
  }

  /**
   * Saves the state, closes the sessions and stops listening.
   *
   * Everything is closed even when the state cannot be saved; that error is thrown afterwards.
   */
  async close(): Promise<void> {
    if (this.#isClosing) return
    this.#isClosing = true
    clearInterval(this.#ticker)
    this.#responses.clear()
    const { stateFile } = this.#options
    const deliveries = this.#mailbox.takeAll()
    try {
      if (stateFile !== undefined) saveState(stateFile, { deliveries })
    } finally {
      for (const settle of this.#moWaiting.values()) settle(false)
      this.#moWaiting.clear()
      await this.#stopListening()
    }
  }

  /**
   * Sends a subscriber's message, in several parts where it is long.
   *
   * Waits for a session that may receive. Resolves with true once every part is acknowledged, with
   * false when one is refused or the carrier closes first.
   */
  async sendMo(message: MoMessage): Promise<boolean> {
    const from = { ton: 1, npi: 1, address: message.from.replace(/^\+/, '') }
    const address = message.to.replace(/^\+/, '')
    const to = { ton: address.length <= SHORT_CODE_DIGITS ? 3 : 1, npi: 1, address }
    this.#reference = (this.#reference + 1) & 0xff
    const deliveries = moDeliveries(from, to, message.text, this.#reference)
    const acknowledged = await Promise.all(deliveries.map((delivery) => this.#deliver(delivery)))
    return acknowledged.every(Boolean)
  }

  #script(rules: readonly FaultRule[], common: FaultScript | undefined): FaultScript {
    return new FaultScript(rules, this.#options.seed ?? 1, Date.now(), common)
  }

  async #stopListening(): Promise<void> {
    for (const session of this.#sessions) session.close()
    const timer = setTimeout(() => {
      for (const session of this.#sessions) session.destroy()
    }, CLOSE_TIMEOUT_MS)
    await new Promise<void>((resolve) => this.#server.close(() => resolve()))
    clearTimeout(timer)
  }

  #deliver(delivery: Delivery): Promise<boolean> {
    return new Promise((resolve) => {
      if (this.#isClosing) {
        resolve(false)
        return
      }
      this.#moWaiting.set(delivery, resolve)
      this.#hasChanged = true
      this.#mailbox.schedule(Date.now(), delivery)
    })
  }

  #settle(delivery: Delivery, isAcknowledged: boolean): void {
    this.#hasChanged = true
    this.#moWaiting.get(delivery)?.(isAcknowledged)
    this.#moWaiting.delete(delivery)
  }

  #accept(session: smpp.Session): void {
    const ours = new SmscSession(session, Date.now())
    this.#sessions.add(ours)
    session.on('pdu', (pdu) => {
      try {
        this.#receive(ours, pdu)
      } catch (error) {
        this.#options.log?.warn({ carrier: this.#options.name, error }, 'a PDU was not understood')
        ours.destroy()
      }
    })
    // After an undecodable PDU the package reads no further: the session is lost.
    session.on('error', (error) => {
      this.#options.log?.warn({ carrier: this.#options.name, error }, 'a session failed')
      ours.destroy()
    })
    session.on('close', () => {
      this.#sessions.delete(ours)
      if (!this.#isClosing) this.#mailbox.giveBack(ours)
    })
  }

  #receive(session: SmscSession, pdu: smpp.PDU): void {
    if (pdu.isResponse() || this.#isClosing) return
    const response = this.#responseTo(session, pdu)
    if (response !== undefined) session.send(response)
    if (pdu.command in BINDS) {
      // A refused bind ends the connection, unless it was one too many.
      if (session.bindState === 'open') session.end()
      else this.#mailbox.pump()
    }
    if (pdu.command === 'unbind') {
      session.bindState = 'open'
      session.end()
    }
  }

  /** The response to be sent now; undefined when there is none or it comes later. */
  #responseTo(session: SmscSession, pdu: smpp.PDU): smpp.PDU | undefined {
    if (pdu.command in BINDS) return this.#bind(session, pdu)
    switch (pdu.command) {
      case 'enquire_link':
      case 'unbind':
        return pdu.response()
      case 'submit_sm':
        if (!session.canSubmit) return refusal(pdu, Status.invalidBindStatus)
        return this.#submit(session, pdu)
      case 'query_sm':
        if (!session.canSubmit) return refusal(pdu, Status.invalidBindStatus)
        return this.#query(pdu)
      default:
        return refusal(pdu, Status.invalidCommand)
    }
  }

  #bind(session: SmscSession, pdu: smpp.PDU): smpp.PDU {
    const { name, systemId, password } = this.#options
    if (session.bindState !== 'open') return refusal(pdu, Status.alreadyBound)
    if (pdu.system_id !== systemId) return refusal(pdu, Status.invalidSystemId)
    if (pdu.password !== password) return refusal(pdu, Status.invalidPassword)
    session.bind(BINDS[pdu.command] ?? 'open', Number(pdu.interface_version))
    return pdu.response({ system_id: name.slice(0, 15), sc_interface_version: INTERFACE_VERSION })
  }

  #submit(session: SmscSession, pdu: smpp.PDU): smpp.PDU | undefined {
    const submit = readSubmit(pdu, new Date())
    this.#keep(submit)
    this.#counts.submits++
    const befallen = this.#faults.decide(digitsOf(submit), submit.receivedAt.getTime())
    const action = this.#options.onSubmit?.(submit) ?? actionOf(befallen.answer)
    const outcome = spoiled(this.#outcomeOf(submit), befallen)
    switch (action?.answer) {
      case undefined:
      case 'status': {
        const status = action?.status ?? this.#statusOf(submit, outcome)
        return this.#answer(session, pdu, submit, status, outcome, befallen)
      }
      case 'half':
      case 'last': {
        submit.status = Status.ok
        const response = pdu.response({ message_id: this.#take(submit, outcome) })
        if (action.answer === 'half') {
          session.sendHalf(response)
        } else {
          session.send(response)
          session.end()
        }
        return undefined
      }
      case 'none':
      case 'drop':
        if (action.isAccepted === true) this.#take(submit, outcome)
        if (action.answer === 'drop') session.destroy()
        return undefined
    }
  }

  #outcomeOf(submit: ReceivedSubmit): Outcome {
    const { seed = 1, acceptRate = 1, receiptDelayMs = [50, 150] } = this.#options
    return decideOutcome({
      destination: digitsOf(submit),
      sequence: submit.sequence,
      seed,
      acceptRate,
      receiptDelayMs,
    })
  }

  #statusOf(submit: ReceivedSubmit, outcome: Outcome): number {
    if (this.#mailbox.size >= MAX_WAITING) return Status.queueFull
    if (outcome.status !== Status.ok || !outcome.isThrottledOnce) return outcome.status
    const key = JSON.stringify([submit.to.address, submit.text, submit.part?.number])
    if (this.#throttled.delete(key)) return Status.ok
    if (this.#throttled.size >= MAX_THROTTLED) this.#throttled.clear()
    this.#throttled.add(key)
    return Status.throttled
  }

  #answer(
    session: SmscSession,
    pdu: smpp.PDU,
    submit: ReceivedSubmit,
    status: number,
    outcome: Outcome,
    befallen: Befallen,
  ): smpp.PDU | undefined {
    submit.status = status
    const response =
      status === Status.ok
        ? pdu.response({ message_id: this.#take(submit, outcome) })
        : refusal(pdu, status)
    const { submitDelayMs = 0 } = this.#options
    const delayMs = submitDelayMs + outcome.extraSubmitDelayMs + befallen.answerDelayMs
    if (delayMs === 0 && this.#heldAnswers === undefined) return response
    const answer = () => session.send(response)
    if (this.#heldAnswers) this.#heldAnswers.push(answer)
    else this.#responses.push(Date.now() + delayMs, answer)
    return undefined
  }

  /** Takes a message over and schedules its receipts; returns its id. */
  #take(submit: ReceivedSubmit, outcome: Outcome): string {
    const ids = this.#book.nextIds(outcome.isWrongRadix)
    submit.messageId = ids.response
    const isEarly = outcome.extraSubmitDelayMs > 0
    const startMs = submit.receivedAt.getTime() + (isEarly ? 0 : (this.#options.submitDelayMs ?? 0))
    const receipts = submit.validUntil
      ? withinValidity(outcome.receipts, Math.max(0, submit.validUntil.getTime() - startMs))
      : outcome.receipts
    this.#book.remember(ids.response, startMs, receipts)
    submit.isDelivered = outcome.isDelivered && !receipts.some(isFailure)
    this.#counts.accepted++
    if (submit.isDelivered) this.#counts.delivered++
    if (outcome.isFake) this.#counts.faked++
    const subject = {
      from: submit.from,
      to: submit.to,
      messageId: ids.receipt,
      registeredDelivery: submit.registeredDelivery,
      text: submit.text,
      submittedAt: submit.receivedAt,
    }
    for (const receipt of receipts) {
      if (!isWanted(receipt, submit.registeredDelivery)) continue
      const dueMs = startMs + receipt.afterMs
      this.#hasChanged = true
      this.#mailbox.schedule(dueMs, receiptDelivery(subject, receipt, new Date(dueMs)))
    }
    return ids.response
  }

  #query(pdu: smpp.PDU): smpp.PDU {
    const found = this.#book.stateOf(String(pdu.message_id), Date.now())
    if (found === undefined) return refusal(pdu, Status.queryFailed)
    return pdu.response({
      message_id: pdu.message_id,
      final_date: found.finalAt ?? '',
      message_state: found.state,
      error_code: Number(found.err),
    })
  }

  #keep(submit: ReceivedSubmit): void {
    const { keepSubmits = 0 } = this.#options
    if (keepSubmits === 0) return
    this.#submits.push(submit)
    if (this.#submits.length > keepSubmits) this.#submits.shift()
  }

  #tick(): void {
    const nowMs = Date.now()
    const { deliverTimeoutMs = 30_000, stateFile } = this.#options
    for (const session of this.#sessions) {
      const sentMs = session.oldestDeliveryMs ?? nowMs
      const isIdle = session.bindState === 'open' && nowMs - session.connectedAtMs > BIND_TIMEOUT_MS
      if (isIdle || nowMs - sentMs > deliverTimeoutMs) session.destroy()
    }
    if (stateFile !== undefined && this.#hasChanged) this.#saveInPassing(stateFile)
  }

  // So that even a killed process forgets no more than the last second. A long queue is saved on
  // close only: writing it every second would hold everybody up.
  #saveInPassing(stateFile: string): void {
    if (this.#mailbox.size > MAX_SAVED_IN_PASSING) return
    this.#hasChanged = false
    try {
      saveState(stateFile, { deliveries: this.#mailbox.peekAll() })
    } catch (error) {
      const { log, name } = this.#options
      log?.warn({ carrier: name, stateFile, error }, 'the state could not be saved')
    }
  }

  #restore(): void {
    const { stateFile, name, log } = this.#options
    if (stateFile === undefined) return
    try {
      for (const { dueMs, delivery } of loadState(stateFile)?.deliveries ?? []) {
        this.#mailbox.schedule(dueMs, delivery)
      }
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error
      renameSync(stateFile, `${stateFile}.broken`)
      log?.warn({ carrier: name, stateFile }, 'the state file was unreadable and is set aside')
    }
  }
}

function digitsOf({ to }: ReceivedSubmit): string {
  return to.address.replace(/^\+/, '')
}

/** What a hook would say for the same; undefined: the ordinary outcome, perhaps later. */
function actionOf(answer: AnswerFault | undefined): SubmitAction | undefined {
  const status = statusOf(answer)
  if (status !== undefined) return { answer: 'status', status }
  if (answer?.fault === 'never_answer') {
    return { answer: 'none', isAccepted: answer.isAccepted ?? false }
  }
  if (answer?.fault !== 'disconnect') return undefined
  if (answer.at === 'before_answer') {
    return { answer: 'drop', isAccepted: answer.isAccepted ?? false }
  }
  return { answer: answer.at === 'within_answer' ? 'half' : 'last' }
}

function isFailure({ isIntermediate, stat }: PlannedReceipt): boolean {
  return !isIntermediate && stat !== 'DELIVRD'
}

// Not every command has a response of its own; the package fails on those.
function refusal(pdu: smpp.PDU, status: number): smpp.PDU {
  if (`${pdu.command}_resp` in smpp.commands) return pdu.response({ command_status: status })
  return new smpp.PDU('generic_nack', {
    command_status: status,
    sequence_number: pdu.sequence_number,
  })
}
