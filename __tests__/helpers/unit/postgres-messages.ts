/** A message of PostgreSQL's protocol: its type, its length, its body. */
export function protocolMessage(type: string, ...body: readonly Buffer[]): Buffer {
  const head = Buffer.alloc(5, type);
  head.writeUInt32BE(4 + Buffer.concat(body).length, 1);
  return Buffer.concat([head, ...body]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** The salt of the request for MD5. */
export const salt = Buffer.from([1, 2, 3, 4]);

export const passwordRequests = {
  'clear text': protocolMessage('R', uint32(3)),
  MD5: protocolMessage('R', uint32(5), salt),
  SCRAM: protocolMessage('R', uint32(10), Buffer.from('SCRAM-SHA-256\0\0')),
} as const;

/** The second message of SCRAM, from a server that does not repeat the client's nonce. */
export const invalidScramChallenge = protocolMessage('R', uint32(11), Buffer.from('r=other,s=AAAA,i=4096'));

/** A setting that the server reports at the login. */
const reportedSetting = (name: string, value: string): Buffer =>
  protocolMessage('S', Buffer.from(`${name}\0${value}\0`));

const readyForQuery = protocolMessage('Z', Buffer.from('I'));

/** The end of a login. PostgreSQL 14 and later report the last two settings. */
export const loginAcceptedBy = (version?: string): Buffer =>
  Buffer.concat([
    protocolMessage('R', uint32(0)),
    ...(version === undefined ? [] : [reportedSetting('server_version', version)]),
    reportedSetting('default_transaction_read_only', 'off'),
    reportedSetting('in_hot_standby', 'off'),
    readyForQuery,
  ]);

export const loginRefused = (sqlState: string): Buffer =>
  protocolMessage('E', Buffer.from(`SFATAL\0C${sqlState}\0Mrefused\0\0`));

/** The answer to a statement that returns no row. */
export const statementExecuted = Buffer.concat([
  protocolMessage('C', Buffer.from('SELECT 0\0')),
  readyForQuery,
]);

/** An error that ends the session. */
export const statementFailed = loginRefused;
