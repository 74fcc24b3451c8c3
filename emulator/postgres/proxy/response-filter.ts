import { NOT_ALLOW_LISTED_ERROR } from '../azure-model/azure-extension.ts';
import { encodeFatalError, encodeMessage, type MessageReplacer, MessageStream } from './message-stream.ts';

/**
 * The stream from PostgreSQL to a client. Azure checks its allow-list first, so it refuses even an extension that the server
 * does not have as not allow-listed (documented). PostgreSQL refuses it before an event trigger knows its name (see
 * azure-extension.ts), so the message is replaced here. The code is the same.
 */
export class ResponseFilter extends MessageStream {
  /**
   * @param delayReadyForQuery returns a promise to delay the end of an answer (ReadyForQuery).
   * @param rejectedRole the role whose login fails if PostgreSQL requests SCRAM.
   */
  constructor(delayReadyForQuery: () => Promise<void> | undefined = () => undefined, rejectedRole?: string) {
    super(
      new Map<string, MessageReplacer>([
        ['E', rejectUnlistedExtension],
        ['Z', () => delayReadyForQuery()?.then(() => undefined)],
        ['R', (request) => (rejectedRole === undefined ? undefined : rejectScram(request, rejectedRole))],
      ]),
    );
  }
}

/** The code of AuthenticationSASL, PostgreSQL's request for SCRAM. */
const AUTHENTICATION_SASL = 10;

/** Uses PostgreSQL's message for a wrong password. */
const rejectScram = (request: Buffer, role: string): Buffer | undefined =>
  request.readUInt32BE(5) === AUTHENTICATION_SASL
    ? encodeFatalError('28P01', `password authentication failed for user "${role}"`)
    : undefined;

const EXTENSION_NOT_AVAILABLE = /^extension "(?<name>[\s\S]*)" is not available$/;

function rejectUnlistedExtension(error: Buffer): Buffer | undefined {
  const fields = error
    .toString('utf8', 5)
    .split('\0')
    .filter((field) => field !== '');
  const getField = (type: string) => fields.find((field) => field.startsWith(type))?.slice(1) ?? '';
  const name = EXTENSION_NOT_AVAILABLE.exec(getField('M'))?.groups?.['name'];
  if (name === undefined || getField('C') !== NOT_ALLOW_LISTED_ERROR.code) return undefined;
  // PostgreSQL's detail is the path of the missing file.
  const otherFields = fields.filter((field) => !'MDH'.includes(field.charAt(0)));
  const responseFields = [
    ...otherFields,
    `M${NOT_ALLOW_LISTED_ERROR.message(name)}`,
    `H${NOT_ALLOW_LISTED_ERROR.hint}`,
  ];
  return encodeMessage(
    'E',
    Buffer.from(
      responseFields
        .map((field) => `${field}\0`)
        .join('')
        .concat('\0'),
    ),
  );
}
