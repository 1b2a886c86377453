import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { isPublicAddress } from './is-public-address.ts';
import { SPECIAL_IPV4, SPECIAL_IPV6 } from './special-ranges.ts';

const BITS = { 4: 32n, 6: 128n } as const;
type Family = keyof typeof BITS;

function toText(value: bigint, family: Family): string {
  const bits = family === 4 ? 8n : 16n;
  const parts: string[] = [];
  for (let shift = BITS[family] - bits; shift >= 0n; shift -= bits) {
    parts.push(((value >> shift) & ((1n << bits) - 1n)).toString(family === 4 ? 10 : 16));
  }
  return parts.join(family === 4 ? '.' : ':');
}

/** The number of an IPv4 address, or of an IPv6 address that is written with `::` at its end or in full. */
function toNumber(address: string): bigint {
  if (address.includes('.')) {
    return address.split('.').reduce((value, part) => (value << 8n) | BigInt(part), 0n);
  }
  const groups = address.replace(/::$/, '').split(':');
  const value = groups.reduce((sum, group) => (sum << 16n) | BigInt(`0x${group}`), 0n);
  return value << BigInt(16 * (8 - groups.length));
}

interface Range {
  readonly first: bigint;
  readonly last: bigint;
  readonly family: Family;
}

/** Arithmetic of its own, to compare Node's with. */
function toRange(range: string): Range {
  const [network = '', prefix = ''] = range.split('/');
  const family: Family = network.includes('.') ? 4 : 6;
  const first = toNumber(network);
  return { first, last: first + (1n << (BITS[family] - BigInt(prefix))) - 1n, family };
}

const ranges = [...SPECIAL_IPV4, ...SPECIAL_IPV6].map(({ range }) => toRange(range));
const globalUnicast = toRange('2000::/3');

function isSpecial(value: bigint, family: Family): boolean {
  const isOutside = family === 6 && (value < globalUnicast.first || value > globalUnicast.last);
  return isOutside || ranges.some((one) => one.family === family && value >= one.first && value <= one.last);
}

const ipv4 = fc.bigInt({ min: 0n, max: (1n << 32n) - 1n });
const ipv6 = fc.bigInt({ min: 0n, max: (1n << 128n) - 1n });
const specialIpv4 = fc
  .constantFrom(...ranges.filter(({ family }) => family === 4))
  .chain(({ first, last }) => fc.bigInt({ min: first, max: last }));

test.each([...SPECIAL_IPV4, ...SPECIAL_IPV6])('$range is refused to its borders ($source)', ({ range }) => {
  const { first, last, family } = toRange(range);
  expect(isPublicAddress(toText(first, family))).toBe(false);
  expect(isPublicAddress(toText(last, family))).toBe(false);
  for (const beyond of [first - 1n, last + 1n]) {
    if (beyond < 0n || beyond >> BITS[family] !== 0n) continue;
    expect(isPublicAddress(toText(beyond, family))).toBe(!isSpecial(beyond, family));
  }
});

test('any address is public if and only if it lies in no special range', () => {
  fc.assert(
    fc.property(ipv4, (value) => {
      expect(isPublicAddress(toText(value, 4))).toBe(!isSpecial(value, 4));
    }),
  );
  fc.assert(
    fc.property(fc.oneof(ipv6, fc.bigInt({ min: globalUnicast.first, max: globalUnicast.last })), (value) => {
      expect(isPublicAddress(toText(value, 6))).toBe(!isSpecial(value, 6));
    }),
  );
});

const EMBEDDINGS: Readonly<Record<string, (address: bigint, rest: bigint) => bigint>> = {
  'IPv4-mapped ::ffff:0:0/96': (address) => (0xffffn << 32n) | address,
  'IPv4-compatible ::/96': (address) => address,
  'IPv4-translated ::ffff:0:0:0/96': (address) => (0xffffn << 48n) | address,
  'NAT64 64:ff9b::/96': (address) => (0x64ff9bn << 96n) | address,
  'local NAT64 64:ff9b:1::/96': (address) => (0x64ff9b0001n << 80n) | address,
  '6to4 2002::/16': (address, rest) => (0x2002n << 112n) | (address << 80n) | (rest & ((1n << 80n) - 1n)),
  'Teredo server 2001::/32': (address, rest) =>
    (0x20010000n << 96n) | (address << 64n) | (rest & ((1n << 64n) - 1n)),
  'Teredo client 2001::/32': (address, rest) =>
    (0x20010000n << 96n) | ((rest & ((1n << 64n) - 1n)) << 32n) | (address ^ 0xffffffffn),
};

test.each(Object.entries(EMBEDDINGS))('%s of any IPv4 address is refused', (_, embed) => {
  fc.assert(
    fc.property(fc.oneof(specialIpv4, ipv4), ipv6, (address, rest) => {
      expect(isPublicAddress(toText(embed(address, rest), 6))).toBe(false);
    }),
  );
});

test.each(
  `127.0.0.1 0.0.0.0 10.1.2.3 172.31.255.255 192.168.0.1 255.255.255.255 239.1.1.1 169.254.169.254 100.100.100.200
  192.0.0.192 168.63.129.16 100.64.0.1 198.19.255.255 :: ::1 ::ffff:127.0.0.1 ::FFFF:93.184.216.34 ::127.0.0.1
  fd00:ec2::254 fe80::1 fec0::1 ff02::1 64:ff9b::169.254.169.254 2002:7f00:1:: 2001::1 100::1 5f00::1
  2606:4700::1111%eth0 fe80::1%en0 localhost [::1] 1.2.3 2130706433 93.184.216.34/32`.split(/\s+/),
)('%s is not public', (address) => {
  expect(isPublicAddress(address)).toBe(false);
});

test.each(['93.184.216.34', '1.1.1.1', '223.255.255.255', '2606:4700:4700::1111', '2A00::1'])(
  '%s is public',
  (address) => {
    expect(isPublicAddress(address)).toBe(true);
  },
);
