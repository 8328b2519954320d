import type { FailureCode } from '../core/failure-code.ts'
import {
  classifyError,
  type ErrorTable,
  knownFailure,
  type ProviderErrorInfo,
  type RawError,
} from './provider-error.ts'

const QUOTA = 'carrier_quota_exceeded'
const CONTENT = 'content_invalid'
const ABROAD = 'destination_unsupported'

/** The same codes stand for a whole call and for one number of it. Misspelled ones are Tencent's. */
export const TENCENT_ERRORS: ErrorTable = {
  'LimitExceeded.PhoneNumberThirtySecondLimit': ['rate_limit', true, 'recipient_limit'],
  'LimitExceeded.PhoneNumberOneHourLimit': ['rate_limit', false],
  'LimitExceeded.PhoneNumberDailyLimit': ['rate_limit', false],
  'LimitExceeded.PhoneNumberSameContentDailyLimit': ['rate_limit', false],
  'LimitExceeded.DeliveryFrequencyLimit': ['rate_limit', false],
  'LimitExceeded.DailyLimit': ['rate_limit', false, QUOTA],
  'LimitExceeded.AppDailyLimit': ['rate_limit', false, QUOTA],
  'LimitExceeded.AppMainlandChinaDailyLimit': ['rate_limit', false, QUOTA],
  'LimitExceeded.AppGlobalDailyLimit': ['rate_limit', false, QUOTA],
  'LimitExceeded.AppCountryOrRegionDailyLimit': ['rate_limit', false, QUOTA],
  RequestLimitExceeded: ['rate_limit', true],
  'RequestLimitExceeded.IPLimitExceeded': ['rate_limit', true],
  'RequestLimitExceeded.GlobalRegionUinLimitExceeded': ['rate_limit', true],
  'LimitExceeded.PhoneNumberCountLimit': ['invalid', false],
  'LimitExceeded.AppCountryOrRegionInBlacklist': ['invalid', false, ABROAD],
  'InvalidParameterValue.IncorrectPhoneNumber': ['invalid', false, 'destination_invalid'],
  'InvalidParameterValue.TemplateParameterFormatError': ['invalid', false, CONTENT],
  'InvalidParameterValue.TemplateParameterLengthLimit': ['invalid', false, CONTENT],
  'InvalidParameterValue.ContentLengthLimit': ['invalid', false, 'message_length_invalid'],
  // Of the account, and no message's fault.
  'InvalidParameterValue.SdkAppIdNotExist': ['invalid', false, 'carrier_unauthorised'],
  'FailedOperation.TemplateIncorrectOrUnapproved': ['invalid', false, CONTENT],
  'FailedOperation.TemplateUnapprovedOrNotExist': ['invalid', false, CONTENT],
  'FailedOperation.TemplateParamSetNotMatchApprovedTemplate': ['invalid', false, CONTENT],
  'FailedOperation.SignatureIncorrectOrUnapproved': ['invalid', false, 'sender_invalid'],
  'UnsupportedOperation.ContainDomesticAndInternationalPhoneNumber': ['invalid', false],
  'MissingParameter.EmptyPhoneNumberSet': ['invalid', false],
  'FailedOperation.ContainSensitiveWord': ['content_rejected', false],
  'InvalidParameterValue.ProhibitedUseUrlInTemplateParameter': ['content_rejected', false],
  'FailedOperation.MarketingSendTimeConstraint': ['content_rejected', true, 'sending_window'],
  'FailedOperation.PhoneNumberInBlacklist': ['unsubscribed', false],
  'FailedOperation.InsufficientBalanceInSmsPackage': ['balance', false],
  'UnauthorizedOperation.SerivceSuspendDueToArrears': ['balance', false],
  'UnauthorizedOperation.ServiceSuspendDueToArrears': ['balance', false],
  'UnauthorizedOperation.SdkAppIdIsDisabled': ['auth', false],
  'UnauthorizedOperation.SmsSdkAppIdVerifyFail': ['auth', false],
  'UnauthorizedOperation.RequestIpNotInWhitelist': ['auth', false],
  'UnauthorizedOperation.RequestPermissionDeny': ['auth', false],
  'UnauthorizedOperation.IndividualUserMarketingSmsPermissionDeny': ['auth', false],
  'AuthFailure.SignatureFailure': ['auth', false],
  'AuthFailure.SignatureExpire': ['auth', true],
  'AuthFailure.SecretIdNotFound': ['auth', false],
  'AuthFailure.UnauthorizedOperation': ['auth', false],
  'InternalError.RequestTimeException': ['auth', true],
  'InternalError.SigVerificationFail': ['auth', false],
  'InternalError.SigFieldMissing': ['auth', false],
  'InternalError.Timeout': ['timeout', true],
  'InternalError.SendAndRecvFail': ['provider', true],
  'InternalError.OtherError': ['provider', true],
  'InternalError.UnknownError': ['provider', true],
  InternalError: ['provider', true],
  'FailedOperation.FailResolvePacket': ['invalid', false],
  'FailedOperation.JsonParseFail': ['invalid', false],
  'UnsupportedOperation.UnsuportedRegion': ['invalid', false, ABROAD],

  // Codes of receipts that are documented for Tencent. Others of the networks are judged by their form.
  'MK:0099': ['provider', true],
  'MK:100C': ['unsubscribed', false],
  'MK:100D': ['unsubscribed', false],
}

/** With these Tencent itself does not know whether it has sent what it was called for. */
const OUTCOME_UNKNOWN = new Set(['InternalError.Timeout', 'InternalError.SendAndRecvFail'])

/** What an error of Tencent means. */
export function classifyTencent(error: RawError): ProviderErrorInfo {
  return classifyError(TENCENT_ERRORS, error)
}

/** What the code of a receipt means; null where only its form says something. */
export function tencentFailure(code: string): FailureCode | null {
  return knownFailure(TENCENT_ERRORS, code)
}

/** True for a refusal of a call whose messages may have gone out. */
export function isTencentOutcomeUnknown(code: string): boolean {
  return OUTCOME_UNKNOWN.has(code)
}
