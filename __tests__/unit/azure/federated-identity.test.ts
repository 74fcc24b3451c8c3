import { describe, expect, test } from 'vitest';
import { adviseOnFederatedCredential } from '../../../src/azure/federated-identity.ts';

const tokenWith = (claims: object): string =>
  ['{}', JSON.stringify(claims), ''].map((part) => Buffer.from(part).toString('base64url')).join('.');

const claims = {
  iss: 'https://token.actions.githubusercontent.com',
  sub: 'repo:octo/boats:ref:refs/heads/main',
  aud: 'api://AzureADTokenExchange',
};

describe('advice about a federated credential', () => {
  test.each(['AADSTS70021', 'AADSTS700211', 'AADSTS700212', 'AADSTS700213', 'AADSTS7002138'])(
    '%s: quotes what the job presents, and registers exactly that',
    (errorNumber) => {
      const advice = adviseOnFederatedCredential(errorNumber, tokenWith(claims), 'client-a');
      for (const value of Object.values(claims)) expect(advice?.hint).toContain(`'${value}'`);
      expect(advice?.command.slice(0, 8).join(' ')).toBe(
        'az ad app federated-credential create --id client-a --parameters',
      );
      expect(JSON.parse(advice?.command[8] ?? '')).toEqual({
        name: 'github-repo-octo-boats-ref-refs-heads-main',
        issuer: claims.iss,
        subject: claims.sub,
        audiences: [claims.aud],
      });
    },
  );

  test.each([
    ['https://ghes.example/_services/token', 'The issuer is a GitHub Enterprise Server:'],
    ['https://token.actions.githubusercontent.com/octo-inc', 'The issuer is that of an enterprise:'],
    ['https://token.actions.octo.ghe.com', 'The issuer is not https://token.actions.githubusercontent.com:'],
  ])('names whose issuer it is: %s', (iss, sentence) => {
    const advice = adviseOnFederatedCredential('AADSTS700211', tokenWith({ ...claims, iss }), 'client-a');
    expect(advice?.hint).toContain(`${sentence} a credential for github.com does not match.`);
  });

  test('the name of the credential has at most 120 characters, all of which Entra accepts', () => {
    const sub = `repo:octo/boats:environment:${'ä-x/'.repeat(80)}`;
    const advice = adviseOnFederatedCredential('AADSTS700213', tokenWith({ ...claims, sub }), 'client-a');
    expect(JSON.parse(advice?.command[8] ?? '').name).toMatch(/^[A-Za-z0-9][\w-]{1,118}[A-Za-z0-9]$/);
  });

  test('is not given for another error', () => {
    expect(adviseOnFederatedCredential('AADSTS7000215', tokenWith(claims), 'client-a')).toBeUndefined();
  });

  test.each([
    ['no token', ''],
    ['a token that is no JWT', 'x.y.z'],
    ['claims of another type', tokenWith({ ...claims, sub: 7 })],
    ['claims that are null', tokenWith(null as never)],
  ])('%s: no command, and what to check', (_, token) => {
    const advice = adviseOnFederatedCredential('AADSTS700213', token, 'client-a');
    expect(advice).toEqual({ hint: expect.stringContaining('federated credential'), command: [] });
  });
});
