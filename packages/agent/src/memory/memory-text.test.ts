import { describe, expect, test } from 'vitest';
import {
  availableFromMeminfo,
  availableFromVmStat,
  availableInGroup,
  pressureFromSysctl,
  stallFromPressure,
  unifiedGroup,
} from './memory-text.ts';

const GIB = 1024 ** 3;

describe('Linux', () => {
  test('MemAvailable is what programs can take', () => {
    const text = 'MemTotal:       24684092 kB\nMemFree:         1904088 kB\nMemAvailable:   20223708 kB\n';
    expect(availableFromMeminfo(text)).toBe(20_223_708 * 1024);
    expect(availableFromMeminfo('MemTotal: 5 kB\n')).toBeNull();
    expect(availableFromMeminfo('')).toBeNull();
  });

  test('the ten-second averages of the pressure file', () => {
    const text =
      'some avg10=12.34 avg60=1.00 avg300=0.10 total=123\nfull avg10=3.00 avg60=0.50 avg300=0.01 total=45\n';
    expect(stallFromPressure(text)).toEqual({ some: 12.34, full: 3 });
    expect(stallFromPressure('some avg10=1 avg60=1\n')).toBeNull();
    expect(stallFromPressure('')).toBeNull();
  });

  test('the unified control group', () => {
    expect(unifiedGroup('4:memory:/old\n0::/user.slice/agent.service\n')).toBe('/user.slice/agent.service');
    expect(unifiedGroup('4:memory:/old\n')).toBeNull();
  });

  test('a limit of the group counts, and files that were read are no use of memory', () => {
    const stat = `anon ${String(6 * GIB)}\nfile ${String(9 * GIB)}\nactive_file ${String(GIB)}\ninactive_file ${String(8 * GIB)}\n`;
    const max = `${String(16 * GIB)}\n`;
    expect(availableInGroup({ max, current: `${String(15 * GIB)}\n`, stat })).toBe(10 * GIB);
    expect(availableInGroup({ max: 'max\n', current: '5\n', stat })).toBeNull();
    expect(availableInGroup({ max: '', current: '', stat: '' })).toBeNull();
    expect(availableInGroup({ max: '10', current: '25', stat: '' })).toBe(0);
  });
});

describe('macOS', () => {
  const VM_STAT = `Mach Virtual Memory Statistics: (page size of 16384 bytes)
Pages free:                               12345.
Pages active:                            400000.
Pages inactive:                          380000.
Pages speculative:                         1000.
Pages throttled:                              0.
Pages wired down:                        100000.
Pages purgeable:                          10000.
"Translation faults":                 123456789.
Pages copy-on-write:                    1234567.
File-backed pages:                       300000.
Anonymous pages:                         480000.
Pages stored in compressor:              200000.
Pages occupied by compressor:             50000.
`;

  test('all but what is written, wired or compressed is available', () => {
    const used = (480_000 - 10_000 + 100_000 + 50_000) * 16_384;
    expect(availableFromVmStat(VM_STAT, 16 * GIB)).toBe(16 * GIB - used);
    expect(availableFromVmStat('', 16 * GIB)).toBeNull();
    expect(availableFromVmStat('page size of 4096 bytes', 16 * GIB)).toBeNull();
    expect(availableFromVmStat(VM_STAT, GIB)).toBe(0);
  });

  test.each([
    ['1\n', 'normal'],
    ['2\n', 'warn'],
    ['4\n', 'critical'],
    ['3', null],
    ['', null],
  ])('the level %j', (text, pressure) => {
    expect(pressureFromSysctl(text)).toBe(pressure);
  });
});
