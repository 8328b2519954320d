import type { FailureCode } from '../core/failure-code.ts'

/** Codes of providers by ours; several of theirs are written in one text, parted by `, `. */
type Codes = { readonly [Code in FailureCode]?: string }

// From the public documentation of each provider. A code that says too little is left out and
// becomes `carrier_specific`.
const CODES: Readonly<Record<string, Codes>> = {
  aliyun: {
    recipient_limit: 'isv.BUSINESS_LIMIT_CONTROL',
    carrier_quota_exceeded: 'isv.DAY_LIMIT_CONTROL, isv.MONTH_LIMIT_CONTROL',
    carrier_throttled: 'Throttling.User, Throttling, Throttling.Api',
    destination_invalid: 'isv.MOBILE_NUMBER_ILLEGAL',
    carrier_request_invalid: 'isv.MOBILE_COUNT_OVER_LIMIT, isv.INVALID_PARAMETERS',
    sender_invalid:
      'isv.SMS_SIGNATURE_ILLEGAL, isv.SMS_SIGN_ILLEGAL, isv.SIGN_STATE_ILLEGAL, ' +
      'isv.SMS_SIGNATURE_SCENE_ILLEGAL, isv.EXTEND_CODE_ERROR',
    content_invalid:
      'isv.SMS_TEMPLATE_ILLEGAL, isv.TEMPLATE_MISSING_PARAMETERS, isv.TEMPLATE_PARAMS_ILLEGAL, ' +
      'isv.INVALID_JSON_PARAM, isv.PARAM_LENGTH_LIMIT',
    destination_unsupported: 'isv.DOMESTIC_NUMBER_NOT_SUPPORTED, isv.SMS_TEST_NUMBER_LIMIT',
    content_rejected:
      'isv.BLACK_KEY_CONTROL_LIMIT, isv.SMS_CONTENT_ILLEGAL, isv.PARAM_NOT_SUPPORT_URL',
    carrier_credit_exhausted: 'isv.AMOUNT_NOT_ENOUGH, isv.OUT_OF_SERVICE',
    carrier_unauthorised:
      'isv.PRODUCT_UN_SUBSCRIPT, isv.PRODUCT_UNSUBSCRIBE, isv.ACCOUNT_NOT_EXISTS, ' +
      'isv.ACCOUNT_ABNORMAL, isp.RAM_PERMISSION_DENY, isv.DENY_IP_RANGE, ' +
      'SignatureDoesNotMatch, InvalidAccessKeyId.NotFound, InvalidTimeStamp.Expired, ' +
      'SignatureNonceUsed',
    carrier_error: 'isp.SYSTEM_ERROR, ServiceUnavailable, InternalError',
  },
  tencent: {
    recipient_limit:
      'LimitExceeded.PhoneNumberThirtySecondLimit, LimitExceeded.PhoneNumberOneHourLimit, ' +
      'LimitExceeded.PhoneNumberDailyLimit, LimitExceeded.PhoneNumberSameContentDailyLimit, ' +
      'LimitExceeded.DeliveryFrequencyLimit',
    carrier_quota_exceeded:
      'LimitExceeded.DailyLimit, LimitExceeded.AppDailyLimit, ' +
      'LimitExceeded.AppMainlandChinaDailyLimit, LimitExceeded.AppGlobalDailyLimit, ' +
      'LimitExceeded.AppCountryOrRegionDailyLimit',
    carrier_throttled:
      'RequestLimitExceeded, RequestLimitExceeded.IPLimitExceeded, ' +
      'RequestLimitExceeded.GlobalRegionUinLimitExceeded',
    carrier_request_invalid:
      'LimitExceeded.PhoneNumberCountLimit, ' +
      'UnsupportedOperation.ContainDomesticAndInternationalPhoneNumber, ' +
      'MissingParameter.EmptyPhoneNumberSet, FailedOperation.FailResolvePacket, ' +
      'FailedOperation.JsonParseFail',
    destination_unsupported:
      'LimitExceeded.AppCountryOrRegionInBlacklist, UnsupportedOperation.UnsuportedRegion',
    destination_invalid: 'InvalidParameterValue.IncorrectPhoneNumber',
    content_invalid:
      'InvalidParameterValue.TemplateParameterFormatError, ' +
      'InvalidParameterValue.TemplateParameterLengthLimit, ' +
      'FailedOperation.TemplateIncorrectOrUnapproved, ' +
      'FailedOperation.TemplateUnapprovedOrNotExist, ' +
      'FailedOperation.TemplateParamSetNotMatchApprovedTemplate',
    message_length_invalid: 'InvalidParameterValue.ContentLengthLimit',
    carrier_unauthorised:
      'InvalidParameterValue.SdkAppIdNotExist, UnauthorizedOperation.SdkAppIdIsDisabled, ' +
      'UnauthorizedOperation.SmsSdkAppIdVerifyFail, ' +
      'UnauthorizedOperation.RequestIpNotInWhitelist, AuthFailure.SignatureFailure, ' +
      'AuthFailure.SignatureExpire, AuthFailure.SecretIdNotFound, ' +
      'AuthFailure.UnauthorizedOperation, InternalError.RequestTimeException, ' +
      'InternalError.SigVerificationFail, UnauthorizedOperation.RequestPermissionDeny, ' +
      'UnauthorizedOperation.IndividualUserMarketingSmsPermissionDeny, ' +
      'InternalError.SigFieldMissing',
    sender_invalid: 'FailedOperation.SignatureIncorrectOrUnapproved',
    content_rejected:
      'FailedOperation.ContainSensitiveWord, ' +
      'InvalidParameterValue.ProhibitedUseUrlInTemplateParameter',
    sending_window: 'FailedOperation.MarketingSendTimeConstraint',
    recipient_opted_out: 'FailedOperation.PhoneNumberInBlacklist',
    carrier_credit_exhausted:
      'FailedOperation.InsufficientBalanceInSmsPackage, ' +
      'UnauthorizedOperation.SerivceSuspendDueToArrears, ' +
      'UnauthorizedOperation.ServiceSuspendDueToArrears',
    carrier_timeout: 'InternalError.Timeout',
    carrier_error:
      'InternalError.OtherError, InternalError.SendAndRecvFail, InternalError.UnknownError, ' +
      'InternalError',
  },
  baidu: {
    carrier_request_invalid: '4501, 4511',
    destination_invalid: '4503, 4507',
    message_length_invalid: '4508',
    sender_invalid: '4512, 6006',
    content_invalid: '4602, 4605, 4607',
    content_rejected: '4608',
    recipient_opted_out: '4641, 4642, 4643, 4651, 4652, 4653',
    carrier_unauthorised:
      '6002, 6005, 6013, InvalidAccessKeyId, SignatureDoesNotMatch, RequestExpired',
    carrier_credit_exhausted: '6012',
    carrier_error: 'InternalError',
    carrier_throttled: 'HTTP 429',
  },
  huawei: {
    content_invalid: 'E000000, E200028, E200029, E200030, E200033',
    carrier_unauthorised:
      'E000001, E000020, E000101, E000102, E000103, E000104, E000105, E000106, E000109, ' +
      'E000110, E000111, E000620, E000002, E000003, E000004, E000005, E000006, E000007, ' +
      'E000008, E000021, E000022, E000023, E000024, E000025, E000026',
    carrier_request_invalid: 'E000027, E000040, E000503, E200031',
    carrier_credit_exhausted: 'E000112',
    carrier_refused: 'E000510',
    carrier_quota_exceeded: 'E000623',
    recipient_limit: 'E200015',
    sender_invalid: 'E200018',
    destination_unsupported: 'E200024, E200027',
    carrier_error: 'E200036',
    carrier_timeout: 'E200038',
    duplicate_refused: 'E200041',
  },
  netease: {
    carrier_unauthorised: '301, 315, 403, 426',
    carrier_request_invalid: '400, 431, 414',
    content_invalid: '404, 413',
    recipient_opted_out: '412',
    carrier_throttled: '416',
    carrier_error: '500, 503',
    content_rejected: '601',
  },
  cloopen: {
    carrier_unauthorised:
      '111109, 111141, 111176, 111177, 111178, 111179, 111180, 111181, 111182, 160053',
    carrier_request_invalid:
      '112300, 112301, 112302, 112303, 112304, 112305, 112306, 112307, 112308, 112309, 112310, ' +
      '112311, 160031, 160044, 160048',
    destination_unsupported: '113302',
    carrier_error: '160000',
    content_rejected: '160011, 160033, 160049',
    destination_invalid: '160013, 160042',
    carrier_credit_exhausted: '160014',
    carrier_throttled: '160015, 160016',
    sender_invalid: '160019',
    carrier_quota_exceeded: '160021, 160022',
    content_invalid: '160032, 160043, 160052',
    recipient_opted_out: '160034, 160051',
    recipient_limit: '160038, 160039, 160040, 160041, 160056',
    duplicate_refused: '160054',
    carrier_unreachable: '172001',
  },
  jiguang: {
    carrier_unauthorised: '50001, 50002, 50008, 50035, 50036',
    content_invalid: '50010, 50011, 50012, 50013, 50020, 50021, 50022, 50023, 50025',
    destination_invalid: '50006',
    carrier_request_invalid:
      '50007, 50016, 50017, 50018, 50026, 50030, 50031, 50003, 50004, 50005, 50015',
    carrier_throttled: '50009',
    carrier_credit_exhausted: '50014',
    carrier_error: '50019',
    recipient_opted_out: '50024',
    recipient_limit: '50034',
    content_rejected: '50037, 50054',
    message_length_invalid: '50038',
    sender_invalid: '50046, 50102',
  },
  chuanglan: {
    carrier_unauthorised: '101, 102, 117, 118, 119, intl:114, intl:115, intl:116',
    carrier_throttled: '103',
    carrier_error: '104, intl:130',
    content_rejected: '105, 124, 125',
    message_length_invalid: '106',
    destination_invalid: '107',
    carrier_request_invalid: '108, 114, 123, 129, 130',
    carrier_credit_exhausted: '109, intl:110',
    sending_window: '110',
    sender_invalid: '113, 116',
    carrier_quota_exceeded: '120, intl:131, intl:132, intl:133, intl:134',
    schedule_invalid: '127',
    encoding_refused: '128',
    recipient_limit: 'intl:125',
  },
  zhangrong: {
    sender_invalid: '9001, 9016, 10004',
    carrier_request_invalid: '9002, 9014, 9019, 9022',
    destination_invalid: '9003',
    carrier_unauthorised: '9006, 9007, 9011',
    content_invalid: '9009, 9017, 9018, 10005, 10006',
    carrier_credit_exhausted: '9010',
    schedule_invalid: '9012',
    destination_unsupported: '9015',
    recipient_opted_out: '9023',
    recipient_limit: '9024',
    content_rejected: '10001, 10002',
    sending_window: '10003',
  },
  twilio: {
    carrier_throttled: '14107, 20429',
    carrier_unauthorised: '20003',
    carrier_request_invalid: '20404',
    destination_invalid: '21211',
    sender_invalid: '21212, 21606, 21659',
    destination_unsupported: '21408, 21608, 21612, 21614, 30006',
    recipient_opted_out: '21610',
    carrier_queue_full: '21611, 30001',
    message_length_invalid: '21617',
    carrier_credit_exhausted: '30002',
    recipient_absent: '30003',
    content_rejected: '30004, 30007, 30034',
    recipient_unknown: '30005',
    undeliverable: '30008',
  },
  wecom: {
    carrier_unauthorised:
      '40001, 40013, 40014, 40056, 41001, 42001, 48002, 60011, 60020, 93000, 301002',
    destination_invalid: '40003, 46004, 60111, 81013',
    carrier_request_invalid: '40008, 40058, 82001',
    message_length_invalid: '44004, 45002',
    carrier_throttled: '45009, 45033',
    carrier_error: '-1',
  },
  dingtalk: {
    carrier_request_invalid: '40035, 43004, 400105',
    carrier_throttled: '130101, 410100',
    carrier_unauthorised: '300001, 310000, 400101, 400102, 400106',
    destination_invalid: '400013',
    content_rejected: '430101, 430102, 430103, 430104',
    carrier_error: '-1',
  },
  smtp: {
    carrier_error: '421, 451, EPROTOCOL',
    carrier_throttled: '452, 450',
    carrier_unauthorised: '454, 530, 535, EAUTH, ENOAUTH, EOAUTH2',
    destination_invalid: '550, 553, EENVELOPE',
    message_length_invalid: '552',
    content_rejected: '554, EMESSAGE',
    carrier_unreachable: 'EDNS, ECONNECTION, ESOCKET, ETLS',
    carrier_timeout: 'ETIMEDOUT',
  },
  webhook: {
    carrier_request_invalid: 'HTTP 400, HTTP 404, HTTP 405, HTTP 410, HTTP 413, HTTP 415, HTTP 422',
    carrier_unauthorised: 'HTTP 401, HTTP 403',
    carrier_timeout:
      'HTTP 408, ETIMEDOUT, UND_ERR_CONNECT_TIMEOUT, UND_ERR_HEADERS_TIMEOUT, ' +
      'UND_ERR_BODY_TIMEOUT',
    carrier_error: 'HTTP 425, HTTP 5xx',
    carrier_throttled: 'HTTP 429',
    carrier_unreachable:
      'ECONNREFUSED, CERT_HAS_EXPIRED, ECONNRESET, ENOTFOUND, EAI_AGAIN, EHOSTUNREACH, EPIPE, ' +
      'DEPTH_ZERO_SELF_SIGNED_CERT, ERR_TLS_CERT_ALTNAME_INVALID',
  },
}

/** Our code for each code of each provider. */
export const PROVIDER_CODES: ReadonlyMap<string, ReadonlyMap<string, FailureCode>> = new Map(
  Object.entries(CODES).map(([provider, codes]) => [
    provider,
    new Map(
      (Object.entries(codes) as [FailureCode, string][]).flatMap(([ours, theirs]) =>
        theirs.split(', ').map((code): [string, FailureCode] => [code, ours]),
      ),
    ),
  ]),
)

/**
 * The normalised code of an error of a provider with an HTTP interface.
 *
 * @param provider - `aliyun`, `twilio` and so on; an unknown one has no codes of its own
 * @param code - as the provider writes it; an HTTP status is written `HTTP 429`
 * @returns `carrier_specific` for a code that nobody has described
 */
export function providerFailureCode(provider: string, code: string): FailureCode {
  return PROVIDER_CODES.get(provider)?.get(code) ?? httpFailureCode(code) ?? 'carrier_specific'
}

function httpFailureCode(code: string): FailureCode | undefined {
  const status = Number(/^HTTP ([45]\d\d)$/.exec(code)?.[1] ?? 0)
  if (status === 0) return undefined
  if (status === 401 || status === 403) return 'carrier_unauthorised'
  if (status === 408) return 'carrier_timeout'
  if (status === 429) return 'carrier_throttled'
  return status < 500 ? 'carrier_request_invalid' : 'carrier_error'
}
