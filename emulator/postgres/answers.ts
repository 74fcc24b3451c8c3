import { notAllowListed } from './azure-extension.ts';
import { MessageStream, message, type Replacer } from './messages.ts';
import { fatal } from './startup.ts';

/**
 * The way from PostgreSQL to a client. Azure looks at its list first, so also an extension that the server does not
 * have at all is refused as one that is not allow-listed [D]. PostgreSQL says that before any event trigger could know
 * which extension is meant (see azure-extension.ts), so its words are changed on the way out; the code is the same.
 */
export class AnswerStream extends MessageStream {
  /**
   * @param holdEnd what the end of an answer (ReadyForQuery) waits for, if anything.
   * @param refused the role whose login is refused where PostgreSQL asks for SCRAM.
   */
  constructor(holdEnd: () => Promise<void> | undefined = () => undefined, refused?: string) {
    super(
      new Map<string, Replacer>([
        ['E', refuseUnknownExtension],
        ['Z', () => holdEnd()?.then(() => undefined)],
        ['R', (request) => (refused === undefined ? undefined : refuseScram(request, refused))],
      ]),
    );
  }
}

/** The code of AuthenticationSASL, PostgreSQL's request for SCRAM. */
const sasl = 10;

/** In PostgreSQL's words for a password that does not fit what is stored. */
const refuseScram = (request: Buffer, role: string): Buffer | undefined =>
  request.readUInt32BE(5) === sasl
    ? fatal('28P01', `password authentication failed for user "${role}"`)
    : undefined;

const unavailable = /^extension "(?<name>[\s\S]*)" is not available$/;

function refuseUnknownExtension(error: Buffer): Buffer | undefined {
  const fields = error
    .toString('utf8', 5)
    .split('\0')
    .filter((field) => field !== '');
  const said = (type: string) => fields.find((field) => field.startsWith(type))?.slice(1) ?? '';
  const name = unavailable.exec(said('M'))?.groups?.['name'];
  if (name === undefined || said('C') !== notAllowListed.code) return undefined;
  // Without PostgreSQL's detail, the path of a file that it did not find.
  const kept = fields.filter((field) => !'MDH'.includes(field.charAt(0)));
  const refusal = [...kept, `M${notAllowListed.message(name)}`, `H${notAllowListed.hint}`];
  return message(
    'E',
    Buffer.from(
      refusal
        .map((field) => `${field}\0`)
        .join('')
        .concat('\0'),
    ),
  );
}
