import type { Model } from '@mlxfleet/protocol';
import { expect, test } from 'vitest';
import { refuseManyImages, refuseUnseen } from './chat-refusals.ts';

function model(id: string, inputs: Model['architecture']['input_modalities']): Model {
  const architecture = { input_modalities: inputs, output_modalities: ['text' as const] };
  return { id, object: 'model', created: 1, owned_by: 'a', architecture };
}
const TEXT = model('text', ['text']);
const EYE = model('tiny-vision', ['text', 'image', 'file']);

test('a text model is refused before anything is sent, with the vision model that the host has', () => {
  expect(() => refuseUnseen('air', 'text', [TEXT, EYE])).toThrow(
    expect.objectContaining({
      message: 'air: text is shown no images',
      hint: 'Name one that is: --model tiny-vision',
    }),
  );
  expect(() => refuseUnseen('air', 'text', [TEXT])).toThrow(
    expect.objectContaining({ hint: expect.stringContaining('`vision: true`') }),
  );
});

test.each(['tiny-vision', 'org/unknown'])('%s may be shown images', (id) => {
  expect(() => refuseUnseen('air', id, [TEXT, EYE])).not.toThrow();
});

test('six images are one too many, and documents count apart', () => {
  const image = { name: 'a.png', mediaType: 'image/png', content: Buffer.of() };
  const pdf = { ...image, mediaType: 'application/pdf' };
  expect(() =>
    refuseManyImages(
      Array.from({ length: 6 }, () => image),
      5,
    ),
  ).toThrow('these are 6 images, and the host takes 5 at a time');
  expect(() => refuseManyImages([...Array.from({ length: 5 }, () => image), pdf], 5)).not.toThrow();
});
