import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { promisify } from 'node:util';
import {
  findActionSteps,
  readHeight,
  renderComment,
  renderJobSummary,
  renderLog,
  renderPage,
  type Theme,
} from './pictures-html.ts';
import { runExamples, type WrittenTexts } from './pictures-runs.ts';

/*
 * Writes docs/images/: what the action shows on GitHub, from runs of the examples against the emulated Azure. Needs `npm run
 * build`, and Debian's packages chromium, pngquant, fonts-noto-core, fonts-noto-color-emoji and fonts-liberation.
 *
 * npm run pictures -- [MILLISECONDS]   how long the creation of the server takes; by default about as long as in Azure
 */

const run = promisify(execFile);
const root = join(import.meta.dirname, '..');
const imageDirectory = join(root, 'docs', 'images');
const PROVISION_MS = 160_000;
/** Pixels of a picture for one CSS pixel, for sharp text on every screen. */
const SCALE = 2;
const BOTH: readonly Theme[] = ['light', 'dark'];

interface PictureSource {
  readonly name: string;
  /** In CSS pixels. */
  readonly width: number;
  readonly themes: readonly Theme[];
  readonly render: (texts: WrittenTexts) => string;
}

const SOURCES: readonly PictureSource[] = [
  {
    name: 'summary-ensure',
    width: 860,
    themes: BOTH,
    render: (texts) => renderJobSummary('deploy', texts.ensureSummary),
  },
  {
    name: 'summary-check',
    width: 860,
    themes: BOTH,
    render: (texts) => renderJobSummary('check', texts.checkSummary),
  },
  {
    name: 'summary-sweep',
    width: 860,
    themes: BOTH,
    render: (texts) => renderJobSummary('sweep', texts.sweepSummary),
  },
  { name: 'comment', width: 860, themes: BOTH, render: (texts) => renderComment(texts.comment) },
  {
    name: 'log',
    width: 920,
    // GitHub shows logs dark in both themes.
    themes: ['dark'],
    render: (texts) => renderLog(findActionSteps(texts.log)),
  },
];

const fileName = (name: string, theme: Theme): string => `${name}-${theme}.png`;

/** The files in docs/images/, with their width in pixels. */
export const PICTURE_FILES: ReadonlyMap<string, number> = new Map(
  SOURCES.flatMap(({ name, themes, width }) =>
    themes.map((theme) => [fileName(name, theme), width * SCALE] as const),
  ),
);

/** Runs Chromium on a page and returns its standard output. */
async function runChromium(page: string, options: readonly string[]): Promise<string> {
  // Chromium's sandbox does not work for root.
  const sandbox = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
  const args = [
    '--headless',
    '--hide-scrollbars',
    `--force-device-scale-factor=${SCALE}`,
    ...sandbox,
    ...options,
  ];
  const { stdout } = await run('chromium', [...args, `file://${page}`], { maxBuffer: 1 << 26 });
  return stdout;
}

/** @param folder for the page, which needs no other file */
async function takePicture(
  { name, width }: PictureSource,
  html: string,
  theme: Theme,
  folder: string,
): Promise<void> {
  const page = join(folder, `${name}-${theme}.html`);
  writeFileSync(page, renderPage(html, theme));
  const height = readHeight(await runChromium(page, ['--dump-dom', `--window-size=${width},600`]));
  const file = join(imageDirectory, fileName(name, theme));
  await runChromium(page, [`--screenshot=${file}`, `--window-size=${width},${height}`]);
  await run('pngquant', ['--force', '--ext', '.png', '--speed', '1', '--strip', file]);
  const size = (statSync(file).size / 1024).toFixed(0);
  console.log(`${relative(root, file)}: ${width * SCALE}×${height * SCALE} pixels, ${size} KiB`);
}

/** Writes all pictures, and prints their sizes. */
async function writePictures(texts: WrittenTexts): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'pictures-'));
  mkdirSync(imageDirectory, { recursive: true });
  try {
    for (const source of SOURCES) {
      const html = source.render(texts);
      for (const theme of source.themes) await takePicture(source, html, theme, folder);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

if (import.meta.main) await writePictures(await runExamples(Number(process.argv[2] ?? PROVISION_MS)));
