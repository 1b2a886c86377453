import { expect, test } from 'vitest';
import { readJunit } from './junit.ts';

const xml = `<?xml version="1.0" encoding="utf-8"?><testsuites><testsuite name="pytest" errors="1" failures="1" skipped="1" tests="4">
<testcase classname="tests.test_frames" name="test_reads" time="0.001" />
<testcase classname="tests.test_frames" name="test_writes[a&gt;b]" time="0.001"><failure message="assert 1 == 2">def test():
&gt; assert</failure></testcase>
<testcase classname="tests.test_engine" name="test_metal" time="0"><skipped type="pytest.skip" message="no &quot;Metal&quot; here">x</skipped></testcase>
<testcase classname="tests.test_engine" name="test_load" time="0.1"><error message="fixture failed">x</error></testcase>
</testsuite></testsuites>`;

test('passes, failures, errors and skips are told apart', () => {
  expect(readJunit(xml)).toEqual({
    passed: 1,
    failures: ['tests.test_frames::test_writes[a>b]', 'tests.test_engine::test_load'],
    skips: [{ test: 'tests.test_engine::test_metal', reason: 'no "Metal" here' }],
  });
});
