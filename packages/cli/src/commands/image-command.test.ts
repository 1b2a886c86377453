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
  expect(imageCommand(line)).toEqual(file === null ? null : { file, pages: null });
});

test.each([
  ['/image 3.pdf 1-2', '3.pdf', '1-2'],
  ['/image my report.PDF  1-3,5', 'my report.PDF', '1-3,5'],
  ["/image 'my report' 2", 'my report', '2'],
  ['/image 3.pdf 3-1', '3.pdf', '3-1'],
  ['/image photo 1', 'photo 1', null],
  ['/image 3.pdf', '3.pdf', null],
])('the line %j attaches of %j the pages %j', (line, file, pages) => {
  expect(imageCommand(line)).toEqual({ file, pages });
});
