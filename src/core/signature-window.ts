/**
 * The largest that `http.signature_window_seconds` can be, in seconds: how far the timestamp of a signed request may be
 * from our time. Nonces are kept longer than that.
 */
export const MAX_SIGNATURE_WINDOW_SECONDS = 600
