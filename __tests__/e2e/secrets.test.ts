import { describe, expect } from 'vitest';
import { defaultInputs, Job } from '../helpers/e2e/job.ts';
import { expectAllowed, loginFromOutputs } from '../helpers/e2e/postgres-client.ts';
import { test } from '../helpers/e2e/test.ts';

const passwordCases = [
  ['the tutorial’s', 'VerySecurePassword!1'],
  ['one with everything that URLs, shells and quotes care for', 'p@ss:w/rd%25"\'$\\`<space>é'],
  ['one with a line break', 'First-Line1\nsecond "line"\\'],
  ['one that begins and ends with a space', ' Spaces-Around 1 '],
] as const;

/** The log as the runner prints it, where a mask takes effect after its command, and the masks. */
function parsePrintedLog(log: string): { readonly printed: string; readonly masks: readonly string[] } {
  const masks: string[] = [];
  const printed: string[] = [];
  for (const line of log.split('\n')) {
    const [, data] = /^::add-mask::(.*)$/.exec(line) ?? [];
    if (data === undefined) printed.push(masks.reduce((text, mask) => text.replaceAll(mask, '***'), line));
    // The runner unescapes the data of a command, and masks each line of it too.
    else
      masks.push(
        ...data
          .replaceAll('%0D', '\r')
          .replaceAll('%0A', '\n')
          .replaceAll('%25', '%')
          .split(/[\r\n]+/)
          .filter(Boolean),
      );
    masks.sort((a, b) => b.length - a.length);
  }
  return { printed: printed.join('\n'), masks };
}

describe('every encoding of every secret is masked before it first appears, and no other value is masked', () => {
  test.for(passwordCases)('%s', async ([, password], { emulator }) => {
    const server = `secret-${passwordCases.findIndex(([, p]) => p === password)}`;
    // Debug logging shows every request.
    const job = new Job(emulator, { RUNNER_DEBUG: '1' });
    const step = await job.step({
      ...defaultInputs,
      'server-name': server,
      'admin-password': password,
      formats: 'url, pg, jdbc, ado.net, asyncpg',
      'migration-command':
        'env | grep -E "^(DB|DATABASE|PG|JDBC|Conn)"; env | grep -c "" ; node -e "console.log(JSON.stringify(process.env.DB_PASSWORD), encodeURIComponent(process.env.DB_PASSWORD))"',
    });
    expect(step.exitCode, step.log).toBe(0);
    expect(step.outputs['db-password']).toBe(password);
    await expectAllowed(emulator, loginFromOutputs(step.outputs));

    const { printed, masks } = parsePrintedLog(step.log);
    const forms = [
      password,
      ...password.split('\n'),
      encodeURIComponent(password),
      JSON.stringify(password).slice(1, -1),
    ];
    for (const form of forms) expect(printed).not.toContain(form);
    for (const name of ['database-url', 'db-password']) expect(printed).not.toContain(step.outputs[name]);
    // Every published text as a whole, because it may contain the password in another quoting.
    const { DATABASE_URL = '', JDBC_DATABASE_URL = '', ConnectionStrings__Default = '' } = step.exportedEnv;
    const whole = [DATABASE_URL, JDBC_DATABASE_URL, ConnectionStrings__Default].join('\n').split('\n');
    expect(masks).toEqual(expect.arrayContaining(whole));

    const { 'db-host': host = '', 'db-name': name = '', 'db-user': user = '' } = step.outputs;
    for (const publicValue of [host, '5432', name, user, server, 'require', 'true'])
      expect(masks).not.toContain(publicValue);
    for (const text of [printed, step.summary]) expect(text).toContain(server);

    const requestLines = printed.split('\n').filter((line) => /^::debug::[A-Z]+ \S+: HTTP /.test(line));
    for (const request of [`PUT .*/flexibleServers/${server}: `, 'POST .*/oauth2/v2.0/token: ', 'GET .*: '])
      expect(requestLines).toContainEqual(expect.stringMatching(request));
    expect(requestLines.filter((line) => /[?=]/.test(line))).toEqual([]);

    const persisted = JSON.stringify([step.state, step.summary, step.outputs['changes']]);
    for (const form of forms) expect(persisted).not.toContain(JSON.stringify(form).slice(1, -1));
    for (const [post] of [await job.runPosts()])
      expect(parsePrintedLog(post?.log ?? '').printed).not.toContain(password);
  });

  test('errors contain no secret: the error for a wrong password does not contain it', async ({
    emulator,
  }) => {
    const inputs = { ...defaultInputs, 'server-name': 'secret-wrong', 'allowed-ip-ranges': '198.51.100.7' };
    await new Job(emulator).step(inputs);
    const wrong = await new Job(emulator).step({ ...inputs, 'admin-password': 'Wrong-Pass word/1"' });
    expect(wrong.exitCode).toBe(1);
    const { printed } = parsePrintedLog(wrong.log);
    expect(printed).toContain('28P01');
    expect(printed + wrong.summary + JSON.stringify(wrong.state)).not.toContain('Wrong-Pass');
  });

  test('tokens are masked as they arrive, and none is in state', async ({ emulator }) => {
    const step = await new Job(emulator).step({ ...defaultInputs, 'server-name': 'secret-1' });
    // Compares whole tokens: a prefix of one can be part of an operation's signed URL by chance.
    const tokens = [...step.log.matchAll(/^::add-mask::(eyJ\S+)$/gm)].map(([, token = '']) => token);
    expect(tokens.length).toBeGreaterThan(1);
    for (const token of tokens) {
      expect(token).toMatch(/^eyJ[\w-]+\.eyJ[\w-]+\.[\w-]+$/);
      for (const text of [JSON.stringify(step.state), parsePrintedLog(step.log).printed]) {
        expect(text).not.toContain(token);
        expect(text).not.toMatch(/eyJ[\w-]+\.eyJ/);
      }
    }
  });
});
