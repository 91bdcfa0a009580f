/** How many addresses are remembered before all are forgotten. */
const REMEMBERED = 4096;

const remembered = new Map<string, string | null>();

/**
 * An address cut to the network that is kept of it: /24 of IPv4 (also where mapped into IPv6), /48 of IPv6.
 * Null where it is no address.
 */
export function addressPrefix(address: string | undefined): string | null {
  if (address === undefined) return null;
  const known = remembered.get(address);
  if (known !== undefined) return known;
  if (remembered.size >= REMEMBERED) remembered.clear();
  const prefix = cut(address);
  remembered.set(address, prefix);
  return prefix;
}

function cut(address: string): string | null {
  const v4 = /(?:^|:)(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.\d{1,3}$/.exec(address);
  if (v4 !== null) return `${v4[1]}.${v4[2]}.${v4[3]}.0/24`;
  const plain = address.split('%')[0] ?? '';
  if (!/^[0-9a-fA-F:]+$/.test(plain) || !plain.includes(':')) return null;
  const [head = '', tail] = plain.split('::');
  const front = head === '' ? [] : head.split(':');
  const back = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = Math.max(0, 8 - front.length - back.length);
  const groups = [...front, ...Array.from({ length: tail === undefined ? 0 : zeros }, () => '0'), ...back];
  if (groups.length !== 8) return null;
  return `${groups
    .slice(0, 3)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')}::/48`;
}
