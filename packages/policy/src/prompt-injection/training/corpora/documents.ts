import { z } from 'zod';
import { byHash, files, hash, readJson, readText, type Sample } from './reading.ts';
import { HELD_OUT_TENTHS } from './tasks.ts';

const MOST_DOCUMENTS = 5_000;
const MOST_MANUALS = 150;
const MOST_PHRASES = 60;
const MIN_PHRASE_CHARS = 30;
const MIN_PIECE_CHARS = 200;
const SPREAD_CHARS = 2_000;

/** Packages about attacks, whose documents are full of them, and what is read elsewhere. */
const NO_ORDINARY_DOCUMENT =
  /prompt_armor|bastion|injection|jailbreak|garak|pyrit|threat|strong_reject|agentharm|misalignment|agentdojo|cybersec|cybench|gdm_|\/b3\/|ipi_|evals\/registry|benchmark_tasks|github|nullsec|deepteam/;

/** Pages of the guide that are about attacks. */
const NO_ORDINARY_PAGE = /risk|advers|inject|jail|leak/;

/** Programs, data and documentation, a piece of each; manuals and user interfaces in many languages. */
export function documents(folder: string): Sample[] {
  const programs = files(folder, '*/**/*.{md,rst,py,js,json,yml,yaml,toml,html}').filter(
    (file) => !NO_ORDINARY_DOCUMENT.test(file.slice(folder.length)),
  );
  const named = (file: string): string => file.slice(folder.length);
  const samples = byHash(programs, named)
    .slice(0, MOST_DOCUMENTS)
    .map((file) => piece('documents', file, folder));
  for (const languageFolder of files(folder, 'github/tldr-pages+tldr/pages.*')) {
    const manuals = byHash(files(languageFolder, '**/*.md'), named).slice(0, MOST_MANUALS);
    samples.push(...manuals.map((file) => piece('manuals', file, folder)));
  }
  const pages = files(folder, 'github/dair-ai+Prompt-Engineering-Guide/pages/**/*.mdx').filter(
    (file) => !NO_ORDINARY_PAGE.test(file.slice(folder.length)),
  );
  samples.push(...pages.map((file) => piece('guide', file, folder)));
  for (const file of files(folder, 'github/f+awesome-chatgpt-prompts/messages/*.json')) {
    const phrases = stringsOf(readJson(z.unknown(), file)).filter((text) => text.length >= MIN_PHRASE_CHARS);
    for (const text of byHash(phrases, String).slice(0, MOST_PHRASES)) {
      samples.push({ text, isInjection: false, source: 'phrases', heldOut: isHeldOut(text) });
    }
  }
  return samples;
}

function piece(source: string, file: string, folder: string): Sample {
  const name = file.slice(folder.length);
  const text = readText(file);
  const from = hash(name) % Math.max(1, text.length - 2 * SPREAD_CHARS);
  const chars = MIN_PIECE_CHARS + (hash(`${name} length`) % SPREAD_CHARS);
  return { text: text.slice(from, from + chars), isInjection: false, source, heldOut: isHeldOut(name) };
}

function isHeldOut(name: string): boolean {
  return hash(name) % 10 < HELD_OUT_TENTHS;
}

function stringsOf(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (typeof value !== 'object' || value === null) return [];
  return Object.values(value).flatMap(stringsOf);
}
