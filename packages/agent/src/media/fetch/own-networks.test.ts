import type { NetworkInterfaceInfo } from 'node:os';
import { expect, test } from 'vitest';
import { ownNetworks } from './own-networks.ts';

const common = { netmask: '', mac: '00:00:00:00:00:00', internal: false };
const ipv4 = (address: string, cidr: string | null): NetworkInterfaceInfo => ({
  ...common,
  address,
  cidr,
  family: 'IPv4',
});
const ipv6 = (address: string, cidr: string | null): NetworkInterfaceInfo => ({
  ...common,
  address,
  cidr,
  family: 'IPv6',
  scopeid: 0,
});

const isOwn = ownNetworks({
  en0: [
    ipv4('192.168.0.5', '192.168.0.5/24'),
    ipv6('2a02:8071:1:2::5', '2a02:8071:1:2::5/64'),
    ipv6('fe80::1', 'fe80::1/64'),
  ],
  en1: [ipv4('85.10.1.7', '85.10.1.7/28'), ipv6('2a03::7', null)],
  gone: undefined,
});

test.each(['2a02:8071:1:2::5', '2a02:8071:1:2:ffff::', '2a03::7', '85.10.1.1', '85.10.1.15', '192.168.0.9'])(
  '%s is on a network of this machine',
  (address) => {
    expect(isOwn(address)).toBe(true);
  },
);

test.each(['2a02:8071:1:3::5', '2a03::8', '85.10.1.16', '93.184.216.34'])('%s is not', (address) => {
  expect(isOwn(address)).toBe(false);
  expect(ownNetworks({})(address)).toBe(false);
});
