import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Firewall } from '../../../emulator/postgres/proxy/firewall.ts';
import { rulesAllowing } from '../../helpers/emulator/postgres-fixture.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

describe('the effective firewall rules', () => {
  test('without a rule no address is permitted', () => {
    expect(new Firewall(0).allows('203.0.113.9')).toBe(false);
  });

  test('a range permits both of its ends and no address outside', () => {
    const firewall = new Firewall(0);
    firewall.setRules(new Map([['r', { startIpAddress: '10.0.0.250', endIpAddress: '10.0.1.5' }]]));
    const permitted = ['10.0.0.249', '10.0.0.250', '10.0.1.0', '10.0.1.5', '10.0.1.6'].map((ip) =>
      firewall.allows(ip),
    );
    expect(permitted).toEqual([false, true, true, true, false]);
  });

  test('a text that is not an IPv4 address is not permitted', () => {
    const firewall = new Firewall(0);
    firewall.setRules(new Map([['r', { startIpAddress: '0.0.0.0', endIpAddress: '255.255.255.255' }]]));
    expect(['', '::1', 'runner'].some((ip) => firewall.allows(ip))).toBe(false);
  });

  test('private and loopback addresses need a rule too', () => {
    const firewall = new Firewall(0);
    firewall.setRules(rulesAllowing('0.0.0.0'));
    expect(['127.0.0.1', '10.0.0.1', '192.168.0.1'].some((ip) => firewall.allows(ip))).toBe(false);
  });

  test('a new rule works, and a removed rule stops working, after the delay', () => {
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

  test('each change has its own delay, also during the delay of another change', () => {
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
