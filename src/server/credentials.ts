/**
 * What stands before the host of a URL, `user:password@`, in a text or in a line of JSON: it ends at a blank or a quote that is not escaped.
 * In MongoDB's it may have a slash that nobody encoded. No longer than 1,000, so that no text takes long.
 */
const credentials = /:\/\/(?:(?<=mongodb(?:\+srv)?:\/\/)(?:[^\s"\\]|\\["\\]){1,1000}|(?:[^\s/"\\]|\\["\\]){1,1000})@/g

/** The text with `[redacted]@` where a URL in it lets somebody in. */
export const withoutCredentials = (text: string): string => text.replace(credentials, '://[redacted]@')
