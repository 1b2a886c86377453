import { BlockList, isIP } from 'node:net';
import type { NetworkInterfaceInfo } from 'node:os';

/** As `os.networkInterfaces()` gives them. */
export type Interfaces = Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>;

/**
 * Tells the addresses of this machine and of the networks that it is attached to. With IPv6, machines at home have
 * public addresses too: by these a URL would name the host itself, or the printer beside it.
 */
export function ownNetworks(interfaces: Interfaces): (address: string) => boolean {
  const lists = { ipv4: new BlockList(), ipv6: new BlockList() };
  for (const { address, cidr, family: name } of Object.values(interfaces).flatMap((one) => one ?? [])) {
    const family = name === 'IPv4' ? 'ipv4' : 'ipv6';
    // Null where the system reports a netmask with gaps.
    const prefix = cidr?.split('/')[1];
    if (prefix === undefined) lists[family].addAddress(address, family);
    else lists[family].addSubnet(address, Number(prefix), family);
  }
  return (address) =>
    isIP(address) === 4 ? lists.ipv4.check(address, 'ipv4') : lists.ipv6.check(address, 'ipv6');
}
