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
  ])('accepts an address, a-b or CIDR: %s', (text, start, end) => {
    expect(parseAddressRange(text)).toEqual({ start, end });
  });

  test.each(['0.0.0.0', '0.0.0.0-0.0.0.0', '0.0.0.0/32', 'azure=0.0.0.0'])(
    'rejects %s, which means any Azure service, and names allow-azure-services',
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
  ])('quotes an invalid range in the error: %s', (text) => {
    expect(parseAddressRange(text)).toEqual(expect.stringContaining(`'${text}'`));
  });

  test('a CIDR range contains the same addresses as in Node.js', () => {
    fc.assert(
      fc.property(address, fc.integer({ min: 1, max: 32 }), address, (network, bits, other) => {
        const range = parseAddressRange(`${network}/${bits}`);
        fc.pre(typeof range !== 'string');
        const reference = new BlockList();
        reference.addSubnet(network, bits);
        expect(rangeContains(range, other)).toBe(reference.check(other));
        expect(rangeContains(range, network)).toBe(true);
      }),
    );
  });

  test('a range contains its ends and nothing outside', () => {
    fc.assert(
      fc.property(address, address, address, (a, b, other) => {
        fc.pre(addressToNumber(a) <= addressToNumber(b) && b !== '0.0.0.0');
        const range = parseAddressRange(`${a}-${b}`);
        if (typeof range === 'string') throw new Error(range);
        const reference = new BlockList();
        reference.addRange(a, b);
        for (const each of [a, b, other]) expect(rangeContains(range, each)).toBe(reference.check(each));
      }),
    );
  });

  test('a rule has the given name or one that is derived from its range', () => {
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

describe('the address of a runner', () => {
  test('the range of Azure services contains no address', () => {
    fc.assert(
      fc.property(address, (any) => {
        expect(rangeContains({ start: '0.0.0.0', end: '0.0.0.0' }, any)).toBe(false);
      }),
      { examples: [['0.0.0.0']] },
    );
  });

  test.each(['20.50.2.1', '192.0.2.1', '198.51.100.7', '203.0.113.9'])(
    'can be any public address, also in a TEST-NET: %s',
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
  ])('cannot be 0.0.0.0, or a private, loopback or multicast address: %s', (ip) => {
    expect(inputErrorsOf({ 'runner-ip': ip })).toEqual([expect.stringMatching(/^runner-ip cannot be used/)]);
  });

  test('cannot be any address of a private, loopback or multicast network', () => {
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
