import { BlockList, isIP } from 'node:net';
import { GLOBAL_UNICAST_IPV6, SPECIAL_IPV4, SPECIAL_IPV6, type SpecialRange } from './special-ranges.ts';

const specialIpv4 = listOf(SPECIAL_IPV4, 'ipv4');
const specialIpv6 = listOf(SPECIAL_IPV6, 'ipv6');
const globalUnicast = listOf([GLOBAL_UNICAST_IPV6], 'ipv6');

/**
 * Whether an address, without brackets, is that of a server on the public internet. IPv6 addresses that embed an IPv4
 * address never are, whatever it is: what they lead to is up to translators of the network. Neither are addresses with
 * a zone (`%en0`), which only link-local ones need, and texts that are no addresses.
 */
export function isPublicAddress(address: string): boolean {
  switch (isIP(address)) {
    case 4:
      return !specialIpv4.check(address, 'ipv4');
    case 6:
      return (
        !address.includes('%') && globalUnicast.check(address, 'ipv6') && !specialIpv6.check(address, 'ipv6')
      );
    default:
      return false;
  }
}

/** One list for each family: in a list of both, Node finds IPv4 addresses in ranges of IPv4-mapped ones. */
function listOf(ranges: readonly SpecialRange[], family: 'ipv4' | 'ipv6'): BlockList {
  const list = new BlockList();
  for (const { range } of ranges) {
    const [network = '', prefix] = range.split('/');
    list.addSubnet(network, Number(prefix), family);
  }
  return list;
}
