import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Firewall } from '../../../emulator/postgres/proxy/firewall.ts';
import { rulesAllowing } from '../../helpers/emulator/postgres-fixture.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

describe('the rules in force', () => {
  test('nobody is admitted before there is a rule', () => {
    expect(new Firewall(0).allows('203.0.113.9')).toBe(false);
  });

  test('a range includes both of its ends and nothing beside them', () => {
    const firewall = new Firewall(0);
    firewall.setRules(new Map([['r', { startIpAddress: '10.0.0.250', endIpAddress: '10.0.1.5' }]]));
    const admitted = ['10.0.0.249', '10.0.0.250', '10.0.1.0', '10.0.1.5', '10.0.1.6'].map((ip) =>
      firewall.allows(ip),
    );
    expect(admitted).toEqual([false, true, true, true, false]);
  });

  test('what is no IPv4 address is not admitted', () => {
    const firewall = new Firewall(0);
    firewall.setRules(new Map([['r', { startIpAddress: '0.0.0.0', endIpAddress: '255.255.255.255' }]]));
    expect(['', '::1', 'runner'].some((ip) => firewall.allows(ip))).toBe(false);
  });

  test('no private or loopback address is admitted of itself', () => {
    const firewall = new Firewall(0);
    firewall.setRules(rulesAllowing('0.0.0.0'));
    expect(['127.0.0.1', '10.0.0.1', '192.168.0.1'].some((ip) => firewall.allows(ip))).toBe(false);
  });

  test('a new rule works, and a removed one ceases to, after the delay', () => {
    const firewall = new Firewall(500);
    firewall.setRules(rulesAllowing('203.0.113.9'));
    vi.advanceTimersByTime(499);
    expect(firewall.allows('203.0.113.9')).toBe(false);
    vi.advanceTimersByTime(1);
    expect(firewall.allows('203.0.113.9')).toBe(true);
    firewall.setRules(new Map());
    vi.advanceTimersByTime(499);
    expect(firewall.allows('203.0.113.9')).toBe(true);
    vi.advanceTimersByTime(1);
    expect(firewall.allows('203.0.113.9')).toBe(false);
  });

  test('each difference has a delay of its own, also while another waits', () => {
    const firewall = new Firewall(500);
    firewall.setRules(rulesAllowing('203.0.113.1'));
    vi.advanceTimersByTime(300);
    firewall.setRules(
      new Map([
        ...rulesAllowing('203.0.113.1'),
        ['other', { startIpAddress: '203.0.113.2', endIpAddress: '203.0.113.2' }],
      ]),
    );
    vi.advanceTimersByTime(200);
    expect(['203.0.113.1', '203.0.113.2'].map((ip) => firewall.allows(ip))).toEqual([true, false]);
    vi.advanceTimersByTime(300);
    expect(['203.0.113.1', '203.0.113.2'].map((ip) => firewall.allows(ip))).toEqual([true, true]);
  });
});
