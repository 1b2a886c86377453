import { assert, property, uint8Array } from 'fast-check';
import { expect, test } from 'vitest';
import { base64Bytes, base64BytesWithoutBlanks, decodeBase64 } from './base64.ts';

test('what was encoded in any way comes back, and its size is known before', () => {
  assert(
    property(uint8Array({ maxLength: 100 }), (bytes) => {
      const text = Buffer.from(bytes).toString('base64');
      const forms = [text, text.replaceAll('=', ''), Buffer.from(bytes).toString('base64url')];
      for (const form of forms) {
        expect(base64Bytes(form)).toBe(bytes.length);
        expect(decodeBase64(form)).toEqual(Buffer.from(bytes));
      }
      const lines = `${text.replaceAll(/.{7}/g, '$&\r\n')}\n`;
      expect(base64BytesWithoutBlanks(lines)).toBe(bytes.length);
      expect(decodeBase64(lines)).toEqual(Buffer.from(bytes));
    }),
  );
});

test.each(['A', 'AAAAA', 'AA=', 'AAA==', 'AAAA=', 'AA==AA==', '=', '====', 'AA*A', 'AAAÀ', 'a b c d e'])(
  '%j is none',
  (text) => {
    expect(decodeBase64(text)).toBeNull();
  },
);
