import { expect, test } from 'vitest';
import { asObject, parseJsonObject } from '../../../src/common/json.ts';

test('an object is read from JSON', () => {
  expect(parseJsonObject('{"a":[1]}')).toEqual({ a: [1] });
});

test.each(['', 'null', '[1]', '1', '"{}"', '{"a":', '<html>'])('%s is not a JSON object', (text) => {
  expect(parseJsonObject(text)).toBeUndefined();
});

test.each([undefined, null, [], 'text', 1, true])('%s is not an object', (value) => {
  expect(asObject(value)).toBeUndefined();
});
