import { expect, test } from 'vitest';
import { imageCommand } from './image-command.ts';

test.each([
  ['/image photo.png', 'photo.png'],
  ['  /image   my photo.png  ', 'my photo.png'],
  [String.raw`/image /tmp/my\ photo\ \(1\).png`, '/tmp/my photo (1).png'],
  ["/image 'my photo.png'", 'my photo.png'],
  ['/image "my photo.png"', 'my photo.png'],
  ['/image', ''],
  ['/images are nice', null],
  ['what does /image do?', null],
  ['/help', null],
])('the line %j attaches %j', (line, file) => {
  expect(imageCommand(line)).toBe(file);
});
