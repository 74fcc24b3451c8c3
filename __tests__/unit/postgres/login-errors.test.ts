import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { classifyLoginError as classify, type LoginFailure } from '../../../src/postgres/login-errors.ts';
import { createPgError } from '../../helpers/unit/pg-error.ts';

const createSystemError = (code: string, message = code): Error =>
  Object.assign(new Error(message), { code });

const subject = { user: 'u', database: 'd' };
const classifyLoginError = (error: unknown): LoginFailure => classify(error, subject);

const pgHbaMessage = (encryption: string): string =>
  `no pg_hba.conf entry for host "203.0.113.9", user "u", database "d", ${encryption}`;

const classificationCases: readonly (readonly [
  what: string,
  error: unknown,
  kind: string,
  reason: RegExp,
])[] = [
  [
    'a wrong password',
    createPgError('28P01', 'password authentication failed for user "u"'),
    'refused',
    /password.*28P01/,
  ],
  ['TLS off', createPgError('28000', pgHbaMessage('no encryption')), 'refused', /no encryption/],
  [
    'a role that may not log in',
    createPgError('28000', 'role "u" is not permitted to log in'),
    'refused',
    /28000/,
  ],
  ['a missing database', createPgError('3D000', 'database "d" does not exist'), 'refused', /3D000/],
  ['no right to connect', createPgError('42501', 'permission denied for database "d"'), 'refused', /42501/],
  ['blocked over TLS', createPgError('28000', pgHbaMessage('SSL encryption')), 'blocked', /203\.0\.113\.9/],
  [
    'blocked over TLS, in the words of older versions',
    createPgError('28000', pgHbaMessage('SSL')),
    'blocked',
    /203\.0\.113\.9/,
  ],
  ["the client's own timeout", new Error('timeout expired'), 'blocked', /timed out/],
  ["the system's timeout", createSystemError('ETIMEDOUT'), 'blocked', /timed out/],
  [
    'all addresses timed out',
    new AggregateError([createSystemError('ETIMEDOUT'), createSystemError('ETIMEDOUT')]),
    'blocked',
    /timed out/,
  ],
  ['starting up', createPgError('57P03', 'the database system is starting up'), 'transient', /starting up/],
  ['too many sessions', createPgError('53300', 'sorry, too many clients already'), 'transient', /too many/],
  [
    'no connection of the database',
    createPgError('53300', 'too many connections for database "d"'),
    'transient',
    /53300/,
  ],
  ['ended by an administrator', createPgError('57P01', 'terminating connection'), 'transient', /terminating/],
  ['no such name yet', createSystemError('ENOTFOUND', 'getaddrinfo ENOTFOUND x'), 'transient', /ENOTFOUND/],
  ['a DNS failure', createSystemError('EAI_AGAIN'), 'transient', /EAI_AGAIN/],
  ['nothing listens on the port', createSystemError('ECONNREFUSED'), 'transient', /ECONNREFUSED/],
  ['the connection broke', createSystemError('ECONNRESET'), 'transient', /ECONNRESET/],
  ['the pipe broke (five letters like a SQLSTATE)', createSystemError('EPIPE'), 'transient', /EPIPE/],
  [
    'the connection ended without a message',
    new Error('Connection terminated unexpectedly'),
    'transient',
    /unexpectedly/,
  ],
  ['a private authority', createSystemError('SELF_SIGNED_CERT_IN_CHAIN'), 'refused', /TLS/],
  ['another name', createSystemError('ERR_TLS_CERT_ALTNAME_INVALID'), 'refused', /TLS/],
  ['an unknown issuer', createSystemError('UNABLE_TO_VERIFY_LEAF_SIGNATURE'), 'refused', /TLS/],
  ['an expired certificate', createSystemError('CERT_HAS_EXPIRED'), 'refused', /TLS/],
  [
    'a server that does not prove that it knows the password',
    new Error('SASL: SCRAM-SERVER-FINAL-MESSAGE: server signature does not match'),
    'refused',
    /signature/,
  ],
  ['an unsupported mechanism', new Error('SASL: Only mechanism(s) A are supported'), 'refused', /mechanism/],
  ['no TLS', new Error('The server does not support SSL connections'), 'refused', /TLS/],
];

describe('classifyLoginError', () => {
  test.each(classificationCases)('%s', (_, error, kind, reason) => {
    const failure = classifyLoginError(error);
    expect(failure.kind).toBe(kind);
    expect(failure.reason).toMatch(reason);
    if (kind === 'refused') expect(failure.hint).not.toBe('');
    // PostgreSQL has answered, so the network is not the cause.
    if (failure.sqlState !== undefined) expect(failure.hint).not.toMatch(/network/);
  });

  test("returns this runner's address from PostgreSQL's error, if it is an IPv4 address", () => {
    expect(classifyLoginError(createPgError('28000', pgHbaMessage('SSL encryption'))).address).toBe(
      '203.0.113.9',
    );
    const six = pgHbaMessage('SSL encryption').replace('203.0.113.9', '2001:db8::1');
    expect(classifyLoginError(createPgError('28000', six))).toEqual({
      kind: 'blocked',
      reason: six,
      hint: '',
    });
  });

  test('never returns blocked for another SQLSTATE, regardless of the message', () => {
    const state = fc.constantFrom('28P01', '3D000', '42501', '57P03', '53300', '08P01', 'XX000');
    const text = fc.oneof(
      fc.string(),
      fc.constantFrom(pgHbaMessage('SSL encryption'), 'timeout expired', 'ETIMEDOUT'),
    );
    fc.assert(
      fc.property(state, text, (code, message) => {
        expect(classifyLoginError(createPgError(code, message)).kind).not.toBe('blocked');
      }),
    );
  });

  test('returns refused for a connection without TLS, regardless of the name of the user', () => {
    fc.assert(
      fc.property(fc.string(), (user) => {
        const message = `no pg_hba.conf entry for host "203.0.113.9", user "${user}", database "d", no encryption`;
        expect(classifyLoginError(createPgError('28000', message)).kind).toBe('refused');
      }),
    );
  });

  test('classifies every thrown value, and never as blocked without a reason', () => {
    fc.assert(
      fc.property(fc.anything(), (thrown) => {
        expect(['transient', 'refused']).toContain(classifyLoginError(thrown).kind);
      }),
    );
  });
});

describe('the advice about a wrong password', () => {
  const error = createPgError('28P01', 'password authentication failed for user "u"');
  const serverFacts = { name: 's', resourceGroup: 'a group', administrator: 'u' };

  test('is the command that sets a new one for this server', () => {
    expect(classify(error, { ...subject, serverFacts }).hint).toContain(
      `az postgres flexible-server update --resource-group 'a group' --name s --admin-password "$NEW_PASSWORD"`,
    );
  });

  test('names the administrator of the server if that is another role', () => {
    const facts = { ...serverFacts, administrator: 'boss' };
    const { hint } = classify(error, { ...subject, serverFacts: facts });
    expect(hint).toContain("The administrator of the server is 'boss'.");
    expect(hint).not.toContain('az ');
  });
});
