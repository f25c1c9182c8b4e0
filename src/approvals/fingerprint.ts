import { type JsonText, sha256 } from '../json.ts'

/**
 * What a decision is bound to: SHA-256 (hex) over the canonical JSON (RFC 8785) of `{tool, inputSchema, arguments}`, where inputSchema is the
 * digest of the tool's JSON Schema. Written out by hand, because the arguments are canonical text already and the keys stand in order.
 */
export const fingerprint = (toolName: string, schemaDigest: string, args: JsonText): string =>
  sha256(`{"arguments":${args},"inputSchema":${JSON.stringify(schemaDigest)},"tool":${JSON.stringify(toolName)}}`)
