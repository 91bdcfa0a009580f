/**
 * Phrases of languages that put no spaces between words. Every gap is bounded, so the time they take is in proportion to the text.
 */
interface Phrase {
  readonly rule: string;
  readonly weight: number;
  readonly expression: RegExp;
}

const SCRIPTS = /[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]/;

const PHRASES: readonly Phrase[] = [
  {
    rule: 'override',
    weight: 0.75,
    expression:
      /(?:忽略|无视|忽視|無視|忘记|忘記|忘掉|不要理会|不要遵守|跳过).{0,12}(?:指令|指示|说明|說明|提示|规则|規則|设定|設定|命令|限制)/u,
  },
  {
    rule: 'override',
    weight: 0.75,
    expression: /(?:指示|命令|ルール|プロンプト|設定|制限).{0,14}(?:無視|忘れ|破棄)/u,
  },
  {
    rule: 'override',
    weight: 0.75,
    expression: /(?:지시|명령|규칙|프롬프트|지침|설정).{0,14}(?:무시|잊|따르지)/u,
  },
  {
    rule: 'reveal-prompt',
    weight: 0.65,
    expression:
      /(?:显示|顯示|输出|輸出|告诉我|告訴我|透露|泄露|重复|打印).{0,10}(?:系统提示|系統提示|提示词|提示詞|初始指令|系统指令)/u,
  },
  {
    rule: 'reveal-prompt',
    weight: 0.65,
    expression: /(?:システムプロンプト|初期の?指示|隠された指示).{0,12}(?:表示|教え|出力|見せ|公開)/u,
  },
  {
    rule: 'reveal-prompt',
    weight: 0.65,
    expression: /(?:시스템 ?프롬프트|초기 ?지시|숨겨진 ?지시).{0,12}(?:보여|알려|출력|공개)/u,
  },
  {
    rule: 'unbound',
    weight: 0.5,
    expression:
      /(?:没有|沒有|不受|解除|制限のない|제한 ?없는).{0,8}(?:限制|约束|約束|道德|过滤|審查|审查|AI|assistant)/u,
  },
];

/** The rules that hold of a text in one of these scripts, with their weights. */
export function findPhrases(text: string): readonly (readonly [string, number])[] {
  if (!SCRIPTS.test(text)) return [];
  return PHRASES.filter(({ expression }) => expression.test(text)).map(({ rule, weight }) => [rule, weight]);
}
