/**
 * Records in `encoder-records.json` how real programs encode difficult texts: `node __tests__/helpers/unit/record-encoders.ts`,
 * with `bash`, `python3`, `php`, `ruby` and `go` installed. Run it after a new encoder is added here. The tests read the
 * file, so that none of these programs has to be installed.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { anyText, difficultPasswords } from './arbitraries.ts';

/** A program that reads a JSON list of texts, and prints a JSON object: for each encoder, the list of encoded texts. */
interface Program {
  readonly file: string;
  readonly command: readonly string[];
  readonly source: string;
}

const programs: readonly Program[] = [
  {
    file: 'encode.py',
    command: ['python3'],
    source: `
import html, json, shlex, sys, urllib.parse, xml.sax.saxutils
texts = json.load(sys.stdin)
encoders = {
  'json.dumps': lambda t: json.dumps(t)[1:-1],
  'json.dumps ensure_ascii=False': lambda t: json.dumps(t, ensure_ascii=False)[1:-1],
  'repr': lambda t: repr(t)[1:-1],
  'ascii': lambda t: ascii(t)[1:-1],
  'repr of bytes': lambda t: repr(t.encode())[2:-1],
  'urllib quote': urllib.parse.quote,
  'urllib quote safe=': lambda t: urllib.parse.quote(t, safe=''),
  'urllib quote_plus': urllib.parse.quote_plus,
  'html.escape': html.escape,
  'html.escape quote=False': lambda t: html.escape(t, quote=False),
  'xmlcharrefreplace': lambda t: html.escape(t).encode('ascii', 'xmlcharrefreplace').decode('ascii'),
  'saxutils.escape': xml.sax.saxutils.escape,
  'shlex.quote': lambda t: shlex.quote(t)[1:-1] if shlex.quote(t) != t else t,
}
json.dump({'Python ' + name: [encode(t) for t in texts] for name, encode in encoders.items()}, sys.stdout)
`,
  },
  {
    file: 'encode.php',
    command: ['php'],
    source: `<?php
$texts = json_decode(stream_get_contents(STDIN));
$encoders = [
  'json_encode' => fn($t) => substr(json_encode($t), 1, -1),
  'json_encode unescaped Unicode' => fn($t) => substr(json_encode($t, JSON_UNESCAPED_UNICODE), 1, -1),
  'json_encode unescaped slashes' => fn($t) => substr(json_encode($t, JSON_UNESCAPED_SLASHES), 1, -1),
  'urlencode' => 'urlencode',
  'rawurlencode' => 'rawurlencode',
  'http_build_query' => fn($t) => substr(http_build_query(['p' => $t]), 2),
  'htmlspecialchars' => 'htmlspecialchars',
  'htmlspecialchars HTML5' => fn($t) => htmlspecialchars($t, ENT_QUOTES | ENT_HTML5),
  'var_export' => fn($t) => substr(var_export($t, true), 1, -1),
  'escapeshellarg' => fn($t) => substr(escapeshellarg($t), 1, -1),
];
$all = [];
foreach ($encoders as $name => $encode) $all["PHP $name"] = array_map($encode, $texts);
echo json_encode($all);
`,
  },
  {
    file: 'encode.rb',
    command: ['ruby', '-Ku'],
    source: `
require 'json'; require 'cgi'; require 'erb'; require 'uri'; require 'shellwords'
texts = JSON.parse(STDIN.read)
encoders = {
  'to_json' => ->(t) { t.to_json[1...-1] },
  'inspect' => ->(t) { t.inspect[1...-1] },
  'dump' => ->(t) { t.dump[1...-1] },
  'CGI.escape' => ->(t) { CGI.escape(t) },
  'ERB url_encode' => ->(t) { ERB::Util.url_encode(t) },
  'encode_www_form_component' => ->(t) { URI.encode_www_form_component(t) },
  'CGI.escapeHTML' => ->(t) { CGI.escapeHTML(t) },
  'Shellwords.escape' => ->(t) { Shellwords.escape(t).gsub("'\\n'", "\\n") },
}
puts JSON.generate(encoders.to_h { |name, encode| ["Ruby #{name}", texts.map(&encode)] })
`,
  },
  {
    file: 'encode.go',
    command: ['go', 'run'],
    source: `package main

import (
  "bytes"
  "encoding/json"
  "encoding/xml"
  "fmt"
  "html"
  "html/template"
  "net/url"
  "os"
  "strconv"
)

func main() {
  var texts []string
  if err := json.NewDecoder(os.Stdin).Decode(&texts); err != nil { panic(err) }
  inner := func(s string) string { return s[1 : len(s)-1] }
  encoders := map[string]func(string) string{
    "json.Marshal": func(t string) string { b, _ := json.Marshal(t); return inner(string(b)) },
    "json without HTML escapes": func(t string) string {
      var b bytes.Buffer
      e := json.NewEncoder(&b)
      e.SetEscapeHTML(false)
      e.Encode(t)
      return inner(string(bytes.TrimSuffix(b.Bytes(), []byte("\\n"))))
    },
    "url.QueryEscape": url.QueryEscape,
    "url.PathEscape": url.PathEscape,
    "url.UserPassword": func(t string) string { return url.UserPassword("", t).String()[1:] },
    "html.EscapeString": html.EscapeString,
    "template.HTMLEscapeString": template.HTMLEscapeString,
    "xml.EscapeText": func(t string) string { var b bytes.Buffer; xml.EscapeText(&b, []byte(t)); return b.String() },
    "strconv.Quote": func(t string) string { return inner(strconv.Quote(t)) },
    "strconv.QuoteToASCII": func(t string) string { return inner(strconv.QuoteToASCII(t)) },
  }
  all := map[string][]string{}
  for name, encode := range encoders {
    for _, t := range texts { all["Go "+name] = append(all["Go "+name], encode(t)) }
  }
  b, err := json.Marshal(all)
  if err != nil { panic(err) }
  fmt.Print(string(b))
}
`,
  },
];

const tempDirectory = mkdtempSync(join(tmpdir(), 'encoders-'));

function run({ file, command: [name = '', ...flags], source }: Program, texts: readonly string[]): object {
  const path = join(tempDirectory, file);
  writeFileSync(path, source);
  const input = JSON.stringify(texts);
  const env = { ...process.env, LC_ALL: 'C.UTF-8', GOFLAGS: '-mod=mod', GO111MODULE: 'off' };
  return JSON.parse(execFileSync(name, [...flags, path], { input, encoding: 'utf8', env }));
}

/** Without the quotes around a whole word. */
const unquote = (word: string): string => /^\$?'(.*)'$/s.exec(word)?.[1] ?? word;

function runBash(locale: string, expression: string, texts: readonly string[]): readonly string[] {
  const script = `for t; do w=${expression}; printf '%s\\0' "$w"; done`;
  const output = execFileSync('bash', ['--noprofile', '--norc', '-c', script, 'bash', ...texts], {
    env: { PATH: process.env['PATH'], LC_ALL: locale },
    encoding: 'utf8',
  });
  return output.split('\0').slice(0, -1).map(unquote);
}

try {
  const texts = [...difficultPasswords, ...fc.sample(anyText, { numRuns: 60, seed: 1 })].filter(
    (text) => text.trim() !== '',
  );
  const encoders: Record<string, unknown> = {};
  for (const program of programs) Object.assign(encoders, run(program, texts));
  for (const locale of ['C', 'C.UTF-8']) {
    encoders[`bash printf %q in ${locale}`] = runBash(locale, '$(printf "%q." "$t"); w=${w%.}', texts);
    encoders[`bash @Q in ${locale}`] = runBash(locale, '${t@Q}', texts);
  }
  const path = join(import.meta.dirname, 'encoder-records.json');
  writeFileSync(path, `${JSON.stringify({ texts, encoders }, null, 1)}\n`);
} finally {
  rmSync(tempDirectory, { recursive: true });
}
