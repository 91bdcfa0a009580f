"""
Writes given names, family names and ordinary words, as JSON, from the locale data of Faker 40.54.0 (PyPI, MIT), unpacked at the
first argument, and from the two tables of popular-names-by-country-dataset (GitHub: sigpwned, CC0) at the second:

    python3 locale-names.py FAKER TABLES > locale-names.json
"""
import csv
import importlib
import json
import pkgutil
import re
import sys
from pathlib import Path

faker, tables = sys.argv[1:3]
sys.path.insert(0, faker)
lorem = importlib.import_module('faker.providers.lorem')
person = importlib.import_module('faker.providers.person')
given, family, words = set(), set(), set()


def add(found, names):
    for name in names:
        parts = str(name).split(' ')
        for part in parts:
            # Particles, such as those of `van der Berg`, are no names.
            if len(parts) > 1 and part[:1].islower():
                continue
            word = part.strip('.').lower()
            if re.fullmatch(r"[^\W\d_][^\W\d_'’\-]*[^\W\d_]", word):
                found.add(word)


def providers(package):
    for module in pkgutil.iter_modules(package.__path__):
        yield importlib.import_module(f'{package.__name__}.{module.name}').Provider


for provider in providers(person):
    for member in dir(provider):
        values = getattr(provider, member)
        if not isinstance(values, (tuple, list, dict)):
            continue
        names = [value for value in values if isinstance(value, str) and '{' not in value]
        if 'first_name' in member or 'given' in member:
            add(given, names)
        elif 'last_name' in member or 'surname' in member:
            add(family, names)
for provider in providers(lorem):
    add(words, provider.word_list)
for found, table in ((given, 'common-forenames-by-country.csv'), (family, 'common-surnames-by-country.csv')):
    with open(Path(tables) / table, encoding='utf-8-sig') as rows:
        for row in csv.DictReader(rows):
            add(found, [row['Romanized Name'], row['Localized Name']])
json.dump({'given': sorted(given), 'family': sorted(family), 'words': sorted(words)}, sys.stdout, ensure_ascii=False)
