/**
 * The words that injections are made of, by what they mean there, in the languages that are looked at. Each word stands for
 * itself: inflections are listed, so that a look-up is all it takes.
 */
export const CONCEPTS = {
  /** To pay no attention to. */
  ignore: `ignore ignoring ignored disregard disregarding disregarded forget forgetting forgot neglect override overriding overrule overwrite
    bypass bypassing discard discarding drop dismiss abandon erase unlearn
    vergiss vergesst vergessen ignoriere ignoriert ignorieren missachte missachten übergehe überschreibe verwirf
    oublie oubliez oublier ignorez ignorer néglige négligez outrepasse contourne contourner
    ignora ignore ignorar ignorad ignoren olvida olvide olviden olvidar olvídate descarta desestima omite
    esqueça esquece esquecer desconsidere desconsidera desconsiderar
    dimentica dimenticate dimenticare ignorate ignorare scorda tralascia
    negeer negeert vergeet zapomnij zignoruj pomiń
    игнорируй игнорируйте игнорировать забудь забудьте забыть проигнорируй unut görmezden`,
  /** That which was said before. */
  prior: `previous previously prior above earlier preceding foregoing former past original initial existing before
    vorherige vorherigen vorige vorigen bisherige bisherigen obige obigen frühere früheren vorangegangenen vorangehenden zuvor davor ursprünglichen bestehenden
    précédente précédentes précédent précédents antérieures antérieurs avant initiales dessus
    anterior anteriores previo previos previa previas antes iniciales arriba
    prévias prévios acima iniciais
    precedente precedenti prima sopra iniziali
    vorige eerdere voorgaande bovenstaande poprzednie wcześniejsze poprzednich
    предыдущие предыдущих прежние прошлые выше önceki`,
  /** All of it. */
  all: `all any every everything whatever each entire anything alle alles sämtliche jegliche jede tout toute toutes tous todo toda todos todas tudo tutto tutta tutte tutti alle wszystkie wszystko все всё tüm`,
  /** What tells a model how to behave. */
  directive: `instruction instructions instructed prompt prompts rule rules guideline guidelines direction directions directive directives command commands
    constraint constraints restriction restrictions programming preprompt context task tasks orders policies safeguards
    anweisung anweisungen instruktion instruktionen regel regeln vorgabe vorgaben befehl befehle richtlinien aufgaben kontext
    consigne consignes règle règles directive directives instructions ordres
    instrucción instrucciones regla reglas indicación indicaciones órdenes directrices
    instrução instruções regra regras diretrizes comandos ordens
    istruzione istruzioni regola regole indicazioni direttive comandi ordini
    instructie instructies regel regels opdrachten instrukcje instrukcji polecenia zasady
    инструкция инструкции инструкций указания правила команды промпт talimatları talimatlar kuralları`,
  /** What was said, without being a rule. */
  said: `said told learned know conversation messages message text instructions everything things stuff words discussion dialogue history gesagt gelernt dit appris dicho aprendido dito detto conversación conversazione unterhaltung сказано разговор`,
  /** The model's own. */
  your: `your you're its dein deine deiner deinen deinem ihre ihren ton ta tes votre vos tu tus su sus seu sua seus suas tuo tua tue tuoi suo sue je jouw jullie uw твой твои твою ваши ваш`,
  you: `you u du ihr sie tu vous usted você tú voi jij ты вы`,
  my: `my me i mir mein meine moi mon mi mes me meu minha mio mia mij мне мой`,
  system: `system systemprompt sys developer hidden secret secrets confidential internal underlying preamble base metaprompt systems
    versteckte versteckten geheime geheimen interne internen caché cachée cachées secrète secrètes système oculto ocultas ocultos secretas sistema secreto interno internas
    oculta secreta nascosto nascoste segreto segrete systeem verborgen системный системные системную скрытые секретные`,
  prompt: `prompt prompts instruction instructions message preamble anweisung anweisungen nachricht consignes instrucciones mensaje instruções mensagem istruzioni messaggio instructies промпт инструкции`,
  /** To make known. */
  reveal: `reveal revealing show print display output repeat leak expose disclose tell dump share recite echo list write paste summarize translate spell state return provide give encode convert
    zeige zeig verrate verraten nenne wiederhole gib offenbare schreibe drucke übersetze
    affiche affichez révèle révélez montre montrez répète répétez donne donnez dévoile écris
    muestra muéstrame revela revele imprime repite dime escribe mostrar revelar
    mostre mostra revele revela repita imprima diga exiba
    mostra mostrami rivela ripeti stampa dimmi elenca scrivi
    toon onthul herhaal geef pokaż ujawnij powtórz
    покажи покажите раскрой выведи повтори напиши göster`,
  asks: `what what's which was quel quelle quelles quels cuál cuáles qual quais quali wat welke каковы какие какой`,
  /** To stop being what it was made. */
  pretend: `pretend pretending act acting roleplay role-play simulate imagine behave impersonate emulate become play playing persona character
    tu agiere verhalte spiele stell fais agis comporte imagine finge actúa compórtate imagina finja aja atue fingi agisci comportati immagina doe притворись представь действуй веди`,
  unbound: `unrestricted unfiltered uncensored unlimited unmoderated amoral unethical jailbroken limitless unchained evil uneingeschränkt unzensiert ungefiltert
    censure sans-limite ilimitado censura irrestrito illimitata ongefilterd`,
  assistant: `ai assistant model chatbot bot llm gpt chatgpt claude llama gemini machine intelligence ki assistent modell ia asistente modelo assistente modello ии ассистент модель`,
  jailbreak: `jailbreak jailbreaking jailbroken dan stan aim godmode devmode antigpt`,
  without: `without no any not never free beyond outside ohne keine keinen frei sans aucune aucun sin ninguna ningún sem nenhuma nenhum senza nessuna nessun zonder geen без никаких`,
  limits: `restriction restrictions limit limits limitation limitations filter filters guideline guidelines rules ethics ethical moral morals morality censorship boundaries
    policy policies legality laws
    constraint constraints safeguards guardrails content-policy inhibitions einschränkungen beschränkungen filter zensur grenzen ethik regeln
    restrictions limites filtres éthique restricciones límites filtros ética censura restrições limites restrizioni limiti filtri etica beperkingen grenzen ограничений фильтров цензуры правил`,
  bound: `bound bind governed constrained limited obliged required subject gebunden lié soumis sujeto obligado vinculado sujeito vincolato soggetto gebonden`,
  safety: `safety security moderation guardrail guardrails safeguard safeguards filter filters censorship protections protection policy policies ethics ethical alignment
    sicherheit sicherheitsrichtlinien schutzmaßnahmen filter sécurité modération filtres seguridad moderación filtros segurança moderação sicurezza moderazione filtri veiligheid безопасности фильтры`,
  disable: `disable disabling deactivate circumvent evade defeat remove removing off turn suspend violate break breaking jailbreak
    deaktiviere umgehe umgehen schalte désactive désactivez contourne desactiva elude evita desative contorne burle disattiva aggira rimuovi schakel omzeil отключи обойди`,
  now: `now henceforth onwards onward forward jetzt nun fortan maintenant désormais ahora adelante agora ora adesso nu voortaan теперь`,
  from: `from ab von à partir de desde da vanaf с отныне`,
  new: `new updated real actual following different neue neuen neuer folgende folgenden nouvelle nouvelles nouveau nueva nuevas nuevo nova novas novo nuova nuove nuovo nieuwe новые новая новую следующие`,
  instead: `instead rather stattdessen plutôt lieu lugar invece plaats вместо`,
  only: `only exactly simply just solely nur genau seulement uniquement exactement solo únicamente exactamente apenas somente soltanto alleen только`,
  answer: `respond reply answer say output print write return antworte sage schreibe réponds répondez dis écris responde di escribe responda diga escreva rispondi scrivi antwoord zeg ответь скажи напиши`,
  user: `user users human humans person customer operator nutzer benutzer utilisateur usuario usuário utente gebruiker пользователю пользователь`,
  conceal: `tell telling inform informing mention mentioning notify notifying alert alerting disclose reveal warn explain sage erwähne informiere dis mentionne informe digas menciones diga mencione dire menzionare vertel говори упоминай`,
  send: `send sending forward post upload email mail transmit exfiltrate submit leak append embed encode deliver schicke sende envoie envoyez envía manda envie invia stuur отправь`,
  sensitive: `password passwords passwd credentials credential secret secrets token tokens key keys api-key apikey conversation conversations history chat data inbox emails cookies ssn
    passwort zugangsdaten schlüssel mot mots identifiants clé contraseña credenciales clave senha credenciais chave credenziali chiave wachtwoord пароль пароли ключ`,
  negation: `don't dont not never cannot can't won't shouldn't mustn't avoid nicht nie niemals jamais pas nunca no não non mai niet nooit не никогда without refuse prevent prevents against refuses`,
  attempt: `asks asked attempts attempt tries try trying tells attempting wants says`,
  developer: `developer dev debug maintenance admin administrator root sudo god superuser entwickler développeur desarrollador desenvolvedor sviluppatore ontwikkelaar`,
  mode: `mode modus access privileges override console`,
  enabled: `enabled activated active on enable activate engaged enter entering unlocked aktiviert activé activado ativado attivato`,
  words: `words sentences text line lines everything verbatim wort wörter mots palabras palavras parole woorden слова`,
  anything: `anything everything`,
  do: `do doing does`,
  /** To do as one is told. */
  follow: `follow following obey comply adhere listen heed folge folgt befolge befolgt suis suivez obéis obéissez sigue siga sigas obedece siga obedeça segui seguire volg следуй следуйте соблюдай`,
  stop: `stop cease quit hör höre arrête arrêtez deja para pare smetti stop прекрати`,
  /** What a model was told. */
  given: `given told instructed provided programmed configured received gegeben gesagt données reçues dado dadas recibido dati ricevute gekregen`,
  /** To say no. */
  refuse: `refuse refuses refusing decline deny reject apologize apologise disclaimer disclaimers warnings warn lecture moralize ablehnen verweigern refuser rechazar negarse recusar rifiutare`,
  harmful: `illegal unethical immoral harmful dangerous explicit offensive amoral unlawful illegale illégal ilegal ilegais illegali`,
  regardless: `regardless despite irrespective matter unabhängig peu independientemente independente indipendentemente`,
  apply: `apply applies matter exist gelten s'appliquent aplican aplicam`,
  /** Words of the above thirteen letters on, and from behind. */
  rotated: `vtaber qvfertneq sbetrg bireevqr vafgehpgvba vafgehpgvbaf cerivbhf cebzcg erirny flfgrz`,
  reversed: `erongi drageresid tegrof edirrevo noitcurtsni snoitcurtsni suoiverp tpmorp laever metsys`,
} as const;

export type Concept = keyof typeof CONCEPTS;
