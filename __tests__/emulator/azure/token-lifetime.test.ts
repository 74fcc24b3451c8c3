import { expect, it } from 'vitest';
import { codeOf } from '../../helpers/emulator/arm.ts';
import { useEmulator } from '../../helpers/emulator/azure-fixture.ts';
import { until } from '../../helpers/emulator/http-client.ts';

const bench = useEmulator({ tokenLifetime: 1 });

it('ARM says ExpiredAuthenticationToken once the token has lived its time', async () => {
  const answer = await until(
    () => bench.arm.send('GET', '/subscriptions?api-version=2022-12-01'),
    ({ status }) => status === 401,
  );
  expect(codeOf(answer)).toBe('ExpiredAuthenticationToken');
  expect(answer.headers['www-authenticate']).toContain('invalid_token');
});
