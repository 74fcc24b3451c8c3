import { BlockList } from 'node:net';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  addressToNumber,
  parseAddressRange,
  rangeContains,
  validatePublicAddress,
} from '../../../src/common/addresses.ts';
import { ensureConfig, inputErrorsOf } from '../../helpers/unit/test-configs.ts';

const address = fc.ipV4();

describe('allowed-ip-ranges', () => {
  test.each([
    ['203.0.113.9', '203.0.113.9', '203.0.113.9'],
    ['203.0.113.9 - 203.0.113.12', '203.0.113.9', '203.0.113.12'],
    ['203.0.113.9/24', '203.0.113.0', '203.0.113.255'],
    ['203.0.113.9/32', '203.0.113.9', '203.0.113.9'],
    ['0.0.0.0/0', '0.0.0.0', '255.255.255.255'],
  ])('an address, a-b or CIDR: %s', (text, start, end) => {
    expect(parseAddressRange(text)).toEqual({ start, end });
  });

  test.each(['0.0.0.0', '0.0.0.0-0.0.0.0', '0.0.0.0/32', 'azure=0.0.0.0'])(
    '%s would mean any Azure service, for which there is an input of its own',
    (text) => {
      expect(inputErrorsOf({ 'allowed-ip-ranges': text })).toEqual([
        expect.stringContaining('allow-azure-services'),
      ]);
    },
  );

  test.each([
    '1.2.3',
    '1.2.3.256',
    '01.2.3.4',
    '0x7f.1',
    '1.2.3.4/',
    '1.2.3.4/1/2',
    '::1',
    '1-2-3',
    '',
    '1.2.3.4-',
  ])('anything else is told as it was written: %s', (text) => {
    expect(parseAddressRange(text)).toEqual(expect.stringContaining(`'${text}'`));
  });

  test('a CIDR covers exactly what an independent judge says', () => {
    fc.assert(
      fc.property(address, fc.integer({ min: 1, max: 32 }), address, (network, bits, other) => {
        const range = parseAddressRange(`${network}/${bits}`);
        fc.pre(typeof range !== 'string');
        const judge = new BlockList();
        judge.addSubnet(network, bits);
        expect(rangeContains(range, other)).toBe(judge.check(other));
        expect(rangeContains(range, network)).toBe(true);
      }),
    );
  });

  test('a range covers its ends and nothing outside them', () => {
    fc.assert(
      fc.property(address, address, address, (a, b, other) => {
        fc.pre(addressToNumber(a) <= addressToNumber(b) && b !== '0.0.0.0');
        const range = parseAddressRange(`${a}-${b}`);
        if (typeof range === 'string') throw new Error(range);
        const judge = new BlockList();
        judge.addRange(a, b);
        for (const each of [a, b, other]) expect(rangeContains(range, each)).toBe(judge.check(each));
      }),
    );
  });

  test('names: given ones are kept, others derived; only a named one insists on its name', () => {
    const { declaredRules } = ensureConfig({
      'allowed-ip-ranges': 'office=198.51.100.0/30, 203.0.113.9\n203.0.113.1-203.0.113.3',
      'allow-azure-services': 'true',
    }).firewall;
    expect(declaredRules).toEqual([
      { name: 'office', hasExplicitName: true, start: '198.51.100.0', end: '198.51.100.3' },
      { name: 'allow-203-0-113-9', hasExplicitName: false, start: '203.0.113.9', end: '203.0.113.9' },
      {
        name: 'allow-203-0-113-1-to-203-0-113-3',
        hasExplicitName: false,
        start: '203.0.113.1',
        end: '203.0.113.3',
      },
      expect.objectContaining({ hasExplicitName: false, start: '0.0.0.0', end: '0.0.0.0' }),
    ]);
  });
});

describe('the egress address', () => {
  test('the rule 0.0.0.0 covers no address', () => {
    fc.assert(
      fc.property(address, (any) => {
        expect(rangeContains({ start: '0.0.0.0', end: '0.0.0.0' }, any)).toBe(false);
      }),
      { examples: [['0.0.0.0']] },
    );
  });

  test.each(['20.50.2.1', '192.0.2.1', '198.51.100.7', '203.0.113.9'])(
    'public addresses, TEST-NETs among them, can be a runner: %s',
    (ip) => {
      expect(validatePublicAddress(ip)).toBeUndefined();
      expect(ensureConfig({ 'runner-ip': ip }).firewall.runnerIp).toBe(ip);
    },
  );

  test.each([
    '0.0.0.0',
    '10.1.2.3',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.1.1',
    '127.0.0.1',
    '127.9.9.9',
    '169.254.1.1',
    '224.0.0.1',
    '239.255.255.255',
    '255.255.255.255',
    '100.64.0.1',
    '::1',
    'localhost',
    '1.2.3',
  ])('0.0.0.0, private, loopback and multicast addresses are refused: %s', (ip) => {
    expect(inputErrorsOf({ 'runner-ip': ip })).toEqual([expect.stringMatching(/^runner-ip cannot be used/)]);
  });

  test('whatever lies in a private, loopback or multicast network is refused', () => {
    const inside = fc
      .constantFrom('10', '127', '224', '239')
      .chain((first) => address.map((ip) => ip.replace(/^\d+/, first)));
    fc.assert(
      fc.property(inside, (ip) => {
        expect(validatePublicAddress(ip)).toContain(ip);
      }),
    );
  });
});
