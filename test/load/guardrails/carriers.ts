import type { Random } from './random.ts';

/** What stands around a value in texts of many kinds; `@` is its place. Written for measuring, and for no rule. */
const CARRIERS = [
  'Hi, quick question about my account. You can get back to me under @ any time this week.',
  '@',
  'Customer record\n---------------\nref: A-77\nvalue: @\nstatus: open\n',
  '{"customer":{"id":17,"contact":"@","tags":["vip","eu"]}}',
  "INSERT INTO contacts (id, info) VALUES (42, '@');",
  '| field | value |\n| --- | --- |\n| info | @ |\n| city | Graz |',
  'Summarise this mail:\n> Dear team,\n> please note that @ has changed.\n> Regards, the office',
  'id,info,created\n8,"@",2024-03-01\n',
  '<td class="info">@</td><td>active</td>',
  'Bitte prüfe, ob @ schon im System hinterlegt ist, und antworte kurz.',
  'Peux-tu vérifier que @ figure bien dans le dossier du client ?',
  'Por favor, comprueba si @ aparece en la factura adjunta.',
  'Verifica che @ sia presente nel modulo, grazie.',
  'Kun je nagaan of @ klopt?',
  'Czy możesz sprawdzić, czy @ jest poprawne?',
  'Проверь, пожалуйста, указан ли @ в договоре.',
  '请确认 @ 是否正确。',
  'フォームに @ と書いてありました。',
  '2024-05-01T10:22:31Z WARN billing-7f9c4 rejected input (@) after 3 attempts',
  'contact = "@"  # TODO move to the settings',
  'She wrote (@), but nobody answered;',
  'Old: none. New: @. Please update.',
  '- name: primary\n  value: @\n- name: secondary\n  value: null\n',
  'The form says:\t@\nIs that allowed in our templates?',
] as const;

export interface Carried {
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

/** A value in a text, and where. */
export function carried(random: Random, value: string): Carried {
  const carrier = random.from(CARRIERS);
  const start = carrier.indexOf('@');
  return {
    text: carrier.slice(0, start) + value + carrier.slice(start + 1),
    start,
    end: start + value.length,
  };
}
