import { expect, test } from 'vitest';
import { KeptPlaces } from './kept-places.ts';

test('places are kept until they are let go of, once', () => {
  const places = new KeptPlaces();
  const first = places.keep(3);
  const second = places.keep(1);
  expect(places.count).toBe(4);
  first();
  first();
  expect(places.count).toBe(1);
  second();
  expect(places.count).toBe(0);
});
