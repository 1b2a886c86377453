const OCTET = '(?:25[0-5]|2[0-4]\\d|1?\\d?\\d)';
/** All of 127.0.0.0/8; a name such as 127.0.0.1.example is none of it. */
const LOOPBACK_IPV4 = new RegExp(`^127(?:\\.${OCTET}){3}$`);

/** Whether only the machine itself can connect to this address or name. IPv6 may stand in brackets. */
export function isLoopbackAddress(address: string): boolean {
  const bare = address.replace(/^\[(.*)\]$/, '$1').toLowerCase();
  return bare === 'localhost' || bare === '::1' || LOOPBACK_IPV4.test(bare);
}
