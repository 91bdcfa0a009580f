import { eachKnownWord, PACKED, shortHash } from './known-words.ts';
import { lowerHash } from './letters.ts';

const words = (list: string): ReadonlySet<string> => new Set(list.split(/\s+/).filter((word) => word !== ''));

/** Given names that are words, months, places or products as well: a name only beside a family name. */
const AMBIGUOUS: ReadonlySet<string> = words(`
  ada adana africa alexandria alma alpha america amor an angel any april arabia aria arizona art asia asta august
  aurora austin autumn bay berlin beta bill brooklyn carolina cash chance charity charlotte chase chelsea china christian
  clay cliff cloud colt constance cruz daisy dakota dallas daria darwin dawn dean delta denver destiny diamond diego don
  drew duke dylan earl eden else elle era eris esperanza euro eva ever fabric faith fern flora florence florian florida
  forest francisco frank gene general genesis georgia german gloria grace grant guy harmony haven heather heaven hope
  houston hunter iman india ines io ion iris israel ivory ivy jackson jade jasmin jasmine java jersey jesus jordan
  jose joy judge julia june justice karma king kenya kent kim lake lambda lance laurel lee legend les liberty lilac lily
  lima lincoln london lorena louis love lucky lux madison magnolia major malta mar marina mark mars mart mary max may
  mela melody mercedes mercy merit mia mika miles milan mine misty modesta monday montana morgan muse nada nature neo neva nova oda
  octavia ok olive ora orion page paris pascal pat patience pearl penny petra phoenix pia pilar pleasant precious
  price prince prudence python queen rain ray reagan rebel red reed regina rio river rob robin rocky roman rome rose royal
  ruby russell rusty sage salem san santa santiago santos savannah scala scarlet season senior september sergeant serena sky sol sonny
  star sterling stone storm summer sun sunday sunny sydney tab temple terra tex tiger todo tracy trinity true tulip ty unity
  urban van venus vera verona victor victoria vienna violet virginia ward wade walker west will winter wolf young zion
  abdul alexa siri claude gemini olga ole tim chat bart lama mistral falcon dolly luna nala ari ian ina ira ida ilka
  alone amine argentina artemis barb baya beat blanch bonny buddha burt candy cherry chang chi christen coral dame davis dick divine dong
  fang gad gala gay glory harris helios herb hind hua ige in islam jung lander lava lei li lin ling loan long lore lu ma mama man manual
  merry mi missy nan numbers olympia palmer pol prune rich rim rune samba sang soda solomon son starr sung sunshine swan tao tera tory truman
  tuba ulysses valencia wally warner wei windy zephyr zona bo hong hao mei ming aden alpha burton denver jefferson williams
  promise meta proxy error buffer stream event object data base code test user admin team note dear best kind first last main male female
`);

/** Capitalised words that never end a name: what else follows a word that could be a given name. */
const NEVER_FAMILY: ReadonlySet<string> = words(`
  a an and are as at be but by can could did do does for from had has have he her his how i if in is it its me my no not of on or our
  please she so than that the their them then there these they this to was we were what when where which who why will with would you your
  monday tuesday wednesday thursday friday saturday sunday january february march april may june july august september october november december
  montag dienstag mittwoch donnerstag freitag samstag sonntag januar februar märz mai juni juli oktober dezember
  inc ltd llc gmbh ag corp corporation company co plc bank group holding institute university universität college school hospital airport station street
  st straße road avenue ave boulevard square park city county state river lake island islands mountain museum tower bridge church center centre
  award awards prize day days week weeks month quarter year report reports model models api sdk sql ai ml llm data database table view query server cloud platform
  service services team teams department office committee project program programme system systems software framework library language
  act law bill rule rules method methods theorem algorithm distribution test tests function class object index score coefficient
  english french german spanish italian portuguese dutch american british european chinese japanese
  north south east west northern southern eastern western new old great big grand saint
  i'm i'll i'd i've it's that's what's let's don't
`);

/** Titles after which a name stands. */
const TITLES: ReadonlySet<string> = words(`
  mr mrs ms miss mx dr prof professor sir madam herr herrn frau hr fr monsieur madame mademoiselle m mme mlle señor señora señorita sr sra srta
  don doña signor signora signorina sig senhor senhora dona meneer mevrouw dhr mevr pan pani pana господин госпожа г-н г-жа
`);

/** Words directly before a lone given name that make a person of it. */
const BEFORE_PERSON: ReadonlySet<string> = words(`
  dear hi hello hey hallo liebe lieber bonjour cher chère hola querido querida estimado estimada ciao caro cara olá oi beste
  from to with for and by tell told ask asked contact email call met meet invite invited remind thank thanks regards cheers sincerely
  named called patient customer client employee colleague manager friend wife husband son daughter brother sister mother father
  mit von für an bei und mein meine avec de pour et con para y e met voor en namens im i'm am
`);

/** Words directly after a lone given name that make a person of it. */
const AFTER_PERSON: ReadonlySet<string> = words(`
  said says asked asks wants wanted needs needed told works worked lives lived moved called emailed wrote sent
  thinks believes joined left married born hat ist wohnt arbeitet sagte möchte a dit habite travaille vive trabaja dijo vive lavora ha
  was is has had will would can could should reported requested booked bought paid
`);

/** The last word of phrases after which someone says a name, */
const INTRODUCTIONS = words('heiße heisse appelle llamo llama chamo chiamo heet nazywam зовут named');
/** and those that do so only after a word that means `name`. */
const COPULAS = words('is ist est es é è');
const WORDS_FOR_NAME = words('name nom prénom nombre nome');

/** Saints before whom a name is that of a place. */
const PLACE_PREFIXES = words('san santa st saint são');

/** The lists of words, as bits; those up to `ordinary` are what the model knows of a word. */
export const MARK = {
  given: 1,
  family: 2,
  ambiguous: 4,
  neverFamily: 8,
  title: 16,
  /** A word, or a name of something else, more often than a name of somebody. */
  ordinary: 32,
  beforePerson: 64,
  afterPerson: 128,
  introduction: 256,
  copula: 512,
  wordForName: 1024,
  placePrefix: 2048,
} as const;

const LISTS: readonly (readonly [mark: number, words: ReadonlySet<string>])[] = [
  [MARK.ambiguous, AMBIGUOUS],
  [MARK.neverFamily, NEVER_FAMILY],
  [MARK.title, TITLES],
  [MARK.beforePerson, BEFORE_PERSON],
  [MARK.afterPerson, AFTER_PERSON],
  [MARK.introduction, INTRODUCTIONS],
  [MARK.copula, COPULAS],
  [MARK.wordForName, WORDS_FOR_NAME],
  [MARK.placePrefix, PLACE_PREFIXES],
];

/** Places of the table; a power of two, more than twice as many as there are words. */
const PLACES = 1 << 18;
const HASHES = new Int32Array(PLACES);
const MARKS = new Uint16Array(PLACES);
eachKnownWord((hash, packed) => {
  const names =
    ((packed & PACKED.given) !== 0 ? MARK.given : 0) | ((packed & PACKED.family) !== 0 ? MARK.family : 0);
  addMarks(hash, names | ((packed & PACKED.ordinary) !== 0 ? MARK.ordinary : 0));
});
for (const [mark, list] of LISTS)
  for (const word of list) addMarks(shortHash(lowerHash(word, 0, word.length)), mark);

/** The lists that a word is in, by its hash: one look-up for all of them. */
export function marksOf(hash: number): number {
  const short = shortHash(hash);
  let place = short & (PLACES - 1);
  for (;;) {
    const marks = MARKS[place] ?? 0;
    if (marks === 0 || HASHES[place] === short) return marks;
    place = (place + 1) & (PLACES - 1);
  }
}

function addMarks(short: number, marks: number): void {
  let place = short & (PLACES - 1);
  while (MARKS[place] !== 0 && HASHES[place] !== short) place = (place + 1) & (PLACES - 1);
  HASHES[place] = short;
  MARKS[place] = (MARKS[place] ?? 0) | marks;
}
