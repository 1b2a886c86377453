/** A block of addresses that is not for servers on the public internet, in CIDR notation, and who says so. */
export interface SpecialRange {
  readonly range: string;
  readonly source: string;
}

/**
 * IANA's IPv4 Special-Purpose Address Registry with multicast, which has a registry of its own, and one address that a
 * cloud keeps for itself. Entries that IANA calls globally reachable (anycast relays, AS112) stand here too: they serve
 * infrastructure, never pictures.
 */
export const SPECIAL_IPV4: readonly SpecialRange[] = [
  { range: '0.0.0.0/8', source: 'RFC 791: this network; Linux connects 0.0.0.0 to loopback' },
  { range: '10.0.0.0/8', source: 'RFC 1918: private' },
  {
    range: '100.64.0.0/10',
    source: 'RFC 6598: carrier-grade NAT, overlay networks, 100.100.100.200 of a cloud',
  },
  { range: '127.0.0.0/8', source: 'RFC 1122: loopback' },
  { range: '168.63.129.16/32', source: "Azure: the platform's own services for a virtual machine" },
  { range: '169.254.0.0/16', source: 'RFC 3927: link-local, 169.254.169.254 of most clouds' },
  { range: '172.16.0.0/12', source: 'RFC 1918: private' },
  { range: '192.0.0.0/24', source: 'RFC 6890: protocol assignments, 192.0.0.192 of a cloud' },
  { range: '192.0.2.0/24', source: 'RFC 5737: documentation' },
  { range: '192.31.196.0/24', source: 'RFC 7535: AS112' },
  { range: '192.52.193.0/24', source: 'RFC 7450: AMT relays' },
  { range: '192.88.99.0/24', source: 'RFC 7526: 6to4 relays, deprecated' },
  { range: '192.168.0.0/16', source: 'RFC 1918: private' },
  { range: '192.175.48.0/24', source: 'RFC 7534: AS112' },
  { range: '198.18.0.0/15', source: 'RFC 2544: benchmarks' },
  { range: '198.51.100.0/24', source: 'RFC 5737: documentation' },
  { range: '203.0.113.0/24', source: 'RFC 5737: documentation' },
  { range: '224.0.0.0/4', source: 'RFC 5771: multicast' },
  { range: '240.0.0.0/4', source: 'RFC 1112: reserved, with the limited broadcast of RFC 919' },
];

/**
 * All that IANA has given out for public unicast. Loopback, IPv4-mapped and IPv4-compatible addresses, NAT64, unique
 * local, link-local, site-local and multicast addresses lie outside, and so does whatever is defined there in future.
 */
export const GLOBAL_UNICAST_IPV6: SpecialRange = { range: '2000::/3', source: 'RFC 4291: global unicast' };

/** What IANA's IPv6 Special-Purpose Address Registry takes out of global unicast. */
export const SPECIAL_IPV6: readonly SpecialRange[] = [
  { range: '2001::/23', source: 'RFC 2928: protocol assignments, Teredo (RFC 4380) and ORCHID among them' },
  { range: '2001:db8::/32', source: 'RFC 3849: documentation' },
  { range: '2002::/16', source: 'RFC 3056: 6to4, which holds an IPv4 address' },
  { range: '2620:4f:8000::/48', source: 'RFC 7534: AS112' },
  { range: '3fff::/20', source: 'RFC 9637: documentation' },
];
