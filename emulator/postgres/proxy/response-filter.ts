import { NOT_ALLOW_LISTED_ERROR } from '../azure-model/azure-extension.ts';
import { encodeMessage, type MessageReplacer, MessageStream } from './message-stream.ts';
import { encodeFatalError } from './startup-packet.ts';

/**
 * The way from PostgreSQL to a client. Azure looks at its list first, so also an extension that the server does not
 * have at all is refused as one that is not allow-listed [D]. PostgreSQL says that before any event trigger could know
 * which extension is meant (see azure-extension.ts), so its words are changed on the way out; the code is the same.
 */
export class ResponseFilter extends MessageStream {
  /**
   * @param delayReadyForQuery what the end of an answer (ReadyForQuery) waits for, if anything.
   * @param rejectedRole the role whose login is refused where PostgreSQL asks for SCRAM.
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

/** In PostgreSQL's words for a password that does not fit what is stored. */
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
  // Without PostgreSQL's detail, the path of a file that it did not find.
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
