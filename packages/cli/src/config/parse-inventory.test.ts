import { expect, test } from 'vitest';
import { InventoryInvalidError, formatProblem } from './inventory-problem.ts';
import { parseInventory } from './parse-inventory.ts';

function problemsOf(text: string): string[] {
  try {
    parseInventory('inventory.yaml', text);
  } catch (error) {
    if (!(error instanceof InventoryInvalidError)) throw error;
    return error.problems.map((problem) => formatProblem('inventory.yaml', problem));
  }
  return [];
}

function laughs(levels: number): string {
  const lines = ['l0: &l0 [ha, ha, ha, ha, ha, ha, ha, ha, ha]'];
  for (let level = 1; level < levels; level += 1) {
    const previous = Array.from({ length: 9 }, () => `*l${level - 1}`).join(', ');
    lines.push(`l${level}: &l${level} [${previous}]`);
  }
  return `${lines.join('\n')}\n`;
}

test.each<[string, string, RegExp]>([
  [
    'an unknown key at the top',
    'version: 1\nhost: {}\nhosts: {a: {}}',
    /^inventory.yaml:2:1 {2}host {2}unknown key/,
  ],
  [
    'an unknown key of a host with the key that was meant',
    'version: 1\nhosts:\n  air: { adress: air.local }',
    /^inventory.yaml:3:10 {2}hosts.air.adress {2}unknown key {2}\(did you mean "address"\?\)$/,
  ],
  ['an unknown key in api', 'version: 1\nhosts: {a: {api: {prot: 1}}}', /hosts.a.api.prot.*"port"/],
  ['a merge key', 'version: 1\nx: &x {}\nhosts: {a: {<<: *x}}', /merge keys are not supported/],
  [
    'a wrong type',
    'version: 1\nhosts: {a: {port: "22"}}',
    /:2:19 {2}hosts.a.port {2}expected a number, found "22"/,
  ],
  ['a missing version', 'hosts: {a: {}}', /version {2}"version" is missing/],
  ['another version', 'version: 2\nhosts: {a: {}}', /:1:10 {2}version {2}expected 1; found 2/],
  [
    'a version that is a text',
    'version: "1"\nhosts: {a: {}}',
    /:1:10 {2}version {2}expected the number 1, not a text: write it without quotes$/,
  ],
  [
    'no context',
    'version: 1\nhosts: {a: {}}\nmodels: [{id: x, context: 0}]',
    /models\[0\].context {2}expected a number above 0, found 0$/,
  ],
  [
    'no requests a minute',
    'version: 1\nhosts: {a: {api: {rate_limit: {per_minute: 0}}}}',
    /per_minute {2}expected a number above 0, found 0$/,
  ],
  ['no hosts', 'version: 1', /hosts {2}"hosts" is missing/],
  ['hosts without a host', 'version: 1\nhosts: {}', /expected at least one host/],
  ['a host without a value', 'version: 1\nhosts:\n  air:', /hosts.air {2}expected a mapping, found nothing/],
  ['a bad host name', 'version: 1\nhosts: {"a b": {}}', /:2:9 {2}hosts.a b {2}bad name: expected letters/],
  [
    'a root that ps would print otherwise',
    'version: 1\nhosts: {a: {root: /srv/mödel}}',
    /^inventory.yaml:2:19 {2}hosts.a.root {2}expected printable ASCII, found "\/srv\/mödel"$/,
  ],
  [
    'a root with a control character',
    'version: 1\ndefaults: {root: "/srv/a\\tb"}\nhosts: {a: {}}',
    /:2:18 {2}defaults.root {2}expected printable ASCII/,
  ],
  ['a port out of range', 'version: 1\nhosts: {a: {port: 70000}}', /at most 65535, found 70000/],
  [
    'a bad enum',
    'version: 1\nhosts: {a: {service: lunchd}}',
    /found "lunchd" {2}\(did you mean "launchd"\?\)/,
  ],
  [
    'a literal secret',
    'version: 1\nhosts: {a: {api: {keys: [sk-1]}}}',
    /keys\[0\] {2}a secret is never written here/,
  ],
  [
    'a variable that is neither text nor a secret',
    'version: 1\nhosts: {a: {env: {HF_TOKEN: {enw: X}}}}',
    /hosts.a.env.HF_TOKEN {2}expected text, or a secret.*"env"/,
  ],
  [
    'a variable that is a number',
    'version: 1\nhosts: {a: {}}\nenv: {A: 5}',
    /env.A {2}expected text, found 5/,
  ],
  [
    'a bad duration',
    'version: 1\nhosts: {a: {}}\nmodels: [{id: m, ttl: ten}]',
    /models\[0\].ttl {2}expected a duration/,
  ],
  [
    'a duration of the wrong type',
    'version: 1\nhosts: {a: {}}\nmodels: [{id: m, ttl: true}]',
    /expected a duration/,
  ],
  [
    'two hosts of one name',
    'version: 1\nhosts:\n  air: {}\n  mini: {}\n  air: {}',
    /:5:3 {2}hosts.air {2}two hosts are named "air", on lines 3 and 5/,
  ],
  ['a key twice', 'version: 1\nversion: 1\nhosts: {a: {}}', /"version" stands twice, on lines 1 and 2/],
  ['a key that is a list', 'version: 1\nhosts: {? [a, b] : {}}', /hosts {2}a key is plain text/],
  ['tabs', 'version: 1\nhosts:\n\tair: {}', /:3:1 {2}a tab indents this line/],
  ['an unclosed bracket', 'version: 1\nhosts: {a: {', /inventory.yaml:\d+:\d+ {2}Flow map/],
  ['two documents', 'version: 1\n---\nversion: 1', /:2:1 {2}a second YAML document begins here/],
  ['an empty file', '', /:1:1 {2}the file is empty/],
  ['nothing but comments', '# hello\n\n', /the file is empty/],
  ['a list at the top', '- a\n- b', /expected a mapping with "version" and "hosts"/],
  ['text at the top', 'hello', /expected a mapping/],
  ['an unknown alias', 'version: 1\nhosts: {a: *nobody}', /Unresolved alias.*nobody/],
  ['aliases that stand for billions', laughs(9), /its aliases repeat too much/],
  ['an alias inside itself', 'version: 1\nhosts: &h {a: *h}', /:\d+:\d+ {2}/],
  [
    'an unknown jump',
    'version: 1\nhosts: {studio: {}, air: {jump: studoi}}',
    /hosts.air.jump.*\(did you mean "studio"\?\)/,
  ],
  ['a jump through itself', 'version: 1\nhosts: {a: {jump: a}}', /circle: a → a/],
  ['jumps in a circle', 'version: 1\nhosts: {a: {jump: b}, b: {jump: a}}', /circle: a → b → a/],
  [
    'a jump through this machine',
    'version: 1\nhosts: {a: {jump: b}, b: {connection: local}}',
    /"b" is this machine/,
  ],
  [
    'an unknown canary',
    'version: 1\nhosts: {air: {}}\nrollout: {canary: [aire]}',
    /:3:20 {2}rollout.canary\[0\].*"air"/,
  ],
  [
    'an unknown host of a model',
    'version: 1\nhosts: {air: {}}\nmodels: [{id: m, hosts: [ari]}]',
    /models\[0\].hosts\[0\].*"air"/,
  ],
  [
    'a model id that climbs',
    'version: 1\nhosts: {a: {}}\nmodels: [{id: ../../etc}]',
    /:3:15 {2}models\[0\].id {2}expected the name of a folder under shared\/models, or organisation\/name, found "..\/..\/etc"$/,
  ],
  [
    'an unknown key of the images',
    'version: 1\nhosts: {a: {images: {max_image: 3}}}',
    /hosts.a.images.max_image {2}unknown key {2}\(did you mean "max_images"\?\)/,
  ],
  [
    'images of ten bytes, where megabytes were meant',
    'version: 1\nhosts: {a: {images: {max_bytes: 10}}}',
    /hosts.a.images.max_bytes {2}expected a size such as 10MB, of 1024 bytes to 100MB/,
  ],
  [
    'images of fifty pixels, where megapixels were meant',
    'version: 1\nhosts: {a: {images: {max_pixels: 50}}}',
    /hosts.a.images.max_pixels {2}.*4096/,
  ],
  [
    'images of more pixels than there are',
    'version: 1\nhosts: {a: {images: {max_pixels: 5000000000}}}',
    /hosts.a.images.max_pixels {2}.*1000000000/,
  ],
  [
    'images without a byte',
    'version: 1\nhosts: {a: {images: {max_bytes: off}}}',
    /hosts.a.images.max_bytes {2}expected a size such as 10MB, of 1024 bytes to 100MB/,
  ],
  [
    'documents that no body has room for',
    'version: 1\nhosts: {a: {images: {max_pdf_bytes: 1GB}}}',
    /hosts.a.images.max_pdf_bytes {2}expected a size such as 10MB, of 1024 bytes to 100MB/,
  ],
  [
    'a smoke-test model that is no id',
    'version: 1\nhosts: {a: {}}\nsmoke_test: {model: /etc}',
    /:3:21 {2}smoke_test.model {2}expected the name of a folder/,
  ],
  [
    'a model twice on a host',
    'version: 1\nhosts: {a: {}}\nmodels: [{id: m}, {id: m, hosts: [a]}]',
    /already listed for host "a"/,
  ],
  [
    'an adapter without its base',
    'version: 1\nhosts: {a: {}}\nmodels:\n  - { id: m, adapter: x }',
    /:4:\d+ {2}models\[0\].adapter {2}an adapter needs "base"/,
  ],
  [
    'an alias of an alias of the same host',
    'version: 1\nhosts: {a: {}}\nmodels:\n  - { id: x, base: m, adapter: l }\n  - { id: y, base: x, adapter: l }',
    /:5:\d+ {2}models\[1\].base {2}"x" is an alias itself; the model behind it is "m"/,
  ],
  [
    'an adapter that climbs',
    'version: 1\nhosts: {a: {}}\nmodels: [{id: m, base: b, adapter: ../x}]',
    /models\[0\].adapter {2}expected the name of a folder under shared\/adapters/,
  ],
  [
    'cache bits that there are not',
    'version: 1\nhosts: {a: {}}\nmodels: [{id: m, kv_bits: 5}]',
    /models\[0\].kv_bits {2}expected 4, 8; found 5/,
  ],
  [
    'a size that is none',
    'version: 1\nhosts: {a: {}}\nmodels: [{id: m, prefix_cache: {memory: much}}]',
    /models\[0\].prefix_cache.memory {2}expected a size such as 512MB/,
  ],
  [
    'an unknown key of the prefix cache',
    'version: 1\nhosts: {a: {}}\nmodels: [{id: m, prefix_cache: {ram: 1GB, dsik: 1GB}}]',
    /prefix_cache.dsik {2}unknown key {2}\(did you mean "disk"\?\)/,
  ],
  [
    'an unknown key of a rate limit',
    'version: 1\nhosts: {a: {api: {rate_limit: {per_minut: 5}}}}',
    /hosts.a.api.rate_limit.per_minut {2}unknown key {2}\(did you mean "per_minute"\?\)/,
  ],
  [
    'a rate limit that is a number',
    'version: 1\nhosts: {a: {api: {rate_limit: 5}}}',
    /hosts.a.api.rate_limit {2}expected a mapping, found 5/,
  ],
  [
    'a smoke-test model that is not listed',
    'version: 1\nhosts: {a: {}}\nmodels: [{id: tiny}]\nsmoke_test: {model: tinny}',
    /smoke_test.model.*"tiny"/,
  ],
  [
    'one machine as two hosts',
    'version: 1\nhosts: {a: {address: x.local}, b: {address: X.local}}',
    /hosts.b {2}is the same machine and root as host "a"/,
  ],
  [
    'a root inside the root of another host',
    'version: 1\nhosts:\n  a: {address: x, root: /srv/x}\n  b: {address: x, root: /srv//x/shared/, api: {port: 1}, admin: {port: 2}}',
    /^i[^:]*:4:25 {2}hosts.b.root {2}lies inside the root of host "a" on the same machine: an uninstall of a would harm b \(see line 3\)$/,
  ],
  [
    'a root around the root of another host',
    'version: 1\ndefaults: {root: /srv}\nhosts:\n  a: {connection: local, root: /srv/a}\n  b: {connection: local, api: {port: 1}, admin: {port: 2}}',
    /^i[^:]*:5:6 {2}hosts.b {2}holds the root of host "a" .* an uninstall of b would harm a \(see line 4\)$/,
  ],
  [
    'one port for two hosts of a machine',
    'version: 1\nhosts: {a: {connection: local}, b: {connection: local, root: /srv/b, admin: {port: 5}}}',
    /host "a" is on the same machine and uses port 11440/,
  ],
  ['one port for both APIs', 'version: 1\nhosts: {a: {admin: {port: 11440}}}', /cannot both use port 11440/],
  [
    'ssh settings of this machine',
    'version: 1\nhosts: {a: {connection: local, user: x}}',
    /no meaning with connection: local/,
  ],
  [
    'a label that is a host',
    'version: 1\nhosts: {a: {labels: [b]}, b: {}}',
    /"b" is already the name of a host/,
  ],
  ['an open bind', 'version: 1\nhosts:\n  a: {api: {bind: 0.0.0.0}}', /:3:19 {2}hosts.a.api.bind {2}anybody/],
  [
    'an open bind in the defaults',
    'version: 1\ndefaults: {api: {bind: "::"}}\nhosts: {a: {}, b: {}}',
    /:2:24 {2}defaults.api.bind {2}anybody/,
  ],
  [
    'a bind that is no address',
    'version: 1\nhosts:\n  a: {api: {bind: banana, anonymous: true}}',
    /^inventory.yaml:3:19 {2}hosts.a.api.bind {2}expected an IP address such as 127.0.0.1 or 0.0.0.0, found "banana"$/,
  ],
  [
    'a bind of the defaults that is no address',
    'version: 1\ndefaults: {api: {bind: 127.0.0.256}}\nhosts: {a: {}}',
    /^inventory.yaml:2:24 {2}defaults.api.bind {2}expected an IP address[^\n]*$/,
  ],
])('%s is named with its place', (_what, text, expected) => {
  const problems = problemsOf(text);
  expect(problems.join('\n')).toMatch(expected);
  expect(problems.every((problem) => /^inventory\.yaml:\d+:\d+ {2}/.test(problem))).toBe(true);
});

test('every problem is reported, in the order of the file', () => {
  const text = 'version: 1\nhosts:\n  a: { prt: 1 }\n  b: { usr: x }\nmodles: []\n';
  expect(problemsOf(text).map((problem) => problem.split('  ')[0])).toEqual([
    'inventory.yaml:3:8',
    'inventory.yaml:4:8',
    'inventory.yaml:5:1',
  ]);
});

test('CRLF line ends count as one line', () => {
  expect(problemsOf('version: 1\r\nhosts:\r\n  a: { prt: 1 }\r\n')).toEqual([
    'inventory.yaml:3:8  hosts.a.prt  unknown key  (did you mean "port"?)',
  ]);
});

test.each([
  ['anchors and aliases', 'version: 1\nhosts: {a: &h {user: me}, b: *h}'],
  ['a numeric host name', 'version: 1\nhosts: {7: {}}\nrollout: {canary: ["7"]}'],
  ['an open bind that is meant', 'version: 1\nhosts: {a: {api: {bind: 0.0.0.0, anonymous: true}}}'],
  ['a root with spaces', 'version: 1\nhosts: {a: {root: "/Volumes/My disk/mlx~fleet"}}'],
  ['a bind by name', 'version: 1\nhosts: {a: {api: {bind: localhost}}}'],
  ['a bind on IPv6', 'version: 1\nhosts: {a: {api: {bind: "fe80::1%en0", anonymous: true}}}'],
  ['an open bind with keys', 'version: 1\nhosts: {a: {api: {bind: 0.0.0.0, keys: [{env: K}]}}}'],
  ['a jump to another machine', 'version: 1\nhosts: {a: {jump: me@bastion.example:2222}}'],
  ['a label as canary', 'version: 1\nhosts: {a: {labels: [first]}}\nrollout: {canary: [first]}'],
  [
    'roots beside each other',
    'version: 1\nhosts: {a: {address: x, root: /srv/a}, b: {address: x, root: /srv/ab, api: {port: 1}, admin: {port: 2}}}',
  ],
  ['nested roots of two machines', 'version: 1\nhosts: {a: {root: /srv/a}, b: {root: /srv/a/b}}'],
  [
    'nested roots in the homes of two users',
    'version: 1\nhosts: {a: {address: x, user: me, root: ~/a}, b: {address: x, user: you, root: ~/a/b, api: {port: 1}, admin: {port: 2}}}',
  ],
  ['one address with two ssh ports', 'version: 1\nhosts: {a: {address: x}, b: {address: x, port: 2222}}'],
])('%s are accepted', (_what, text) => {
  expect(problemsOf(text)).toEqual([]);
});

test.each([
  ['version: 1\nhosts:\n  mini: { service: system }', /^i:3:20 {2}hosts.mini.service {2}system is not in/],
  ['version: 1\ndefaults: {service: launchd}\nhosts: {a: {}}', /^i:2:21 {2}defaults.service {2}launchd/],
  [
    'version: 1\nhosts:\n  a: {images: {max_images: 7}}\n  b: {vision: true, images: {max_images: 7}}',
    /^i:3:15 {2}hosts.a.images {2}has no effect without vision: true/,
  ],
])('%j is valid with a warning', (text, expected) => {
  const warnings: string[] = [];
  parseInventory('i', text, (warning) => warnings.push(formatProblem('i', warning)));
  expect(warnings).toHaveLength(1);
  expect(warnings[0]).toMatch(expected);
});

test.each([
  'version: 1\ndefaults: {images: {max_images: 7}}\nhosts: {a: {}}',
  'version: 1\ndefaults: {vision: true}\nhosts: {a: {images: {max_images: 7}}}',
  'version: 1\nhosts: {a: {images: {}}}',
])('settings of images that somebody may use give no warning: %j', (text) => {
  const warnings: unknown[] = [];
  parseInventory('i', text, (warning) => warnings.push(warning));
  expect(warnings).toEqual([]);
});

test('what this version does gives no warning', () => {
  const text =
    'version: 1\ndefaults: {service: detached, vision: false}\nhosts: {a: {vision: true}}\nhooks: {post-deploy: []}\n';
  const warnings: unknown[] = [];
  parseInventory('i', text, (warning) => warnings.push(warning));
  expect(warnings).toEqual([]);
});
