#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Whatever libvirt's schema of domains has, a row of ours takes, drops or refuses.

Walks libvirt's schema where it is installed, and the reference page, which has every row. What a row
drops or refuses, it does with all that is inside. Prints TAP.
"""
import os
import re
import sys
import xml.etree.ElementTree as ET

SCHEMAS = '/usr/share/libvirt/schemas'
RNG = '{http://relaxng.org/ns/structure/1.0}'
DEEPEST = 8

# Places of the tables of the page.
TABLES = {
    'domain': '',
    'feature': '/cpu/feature',
    'disk': '/devices/disk',
    'controller': '/devices/controller',
    'interface': '/devices/interface',
    'portForward': '/devices/interface/portForward',
    'range': '/devices/interface/portForward/range',
    'serial': '/devices/serial',
    'console': '/devices/console',
    'channel': '/devices/channel',
    'memballoon': '/devices/memballoon',
    'rng': '/devices/rng',
}

# (pattern, why no row has it)
EXCEPTIONS = [
    (r'/(capabilities|commandline|datacenterpath|deprecation|namespace|override)(/|$)',
     'in a namespace of another hypervisor, which is refused as such'),
    (r'/(memory|currentMemory)/@unit$', 'comes with the row of a size'),
    (r'/devices/disk/source/(?!@file|@dev)', 'of types of disk that are refused'),
    (r'/devices/disk/privateData', 'of documents that libvirt writes for itself'),
    (r'/devices/interface/source/(?!@bridge)', 'of types of interface that are refused'),
    (r'/devices/interface/guest/@actual$', 'of containers'),
    (r'/devices/(serial|console|channel)/source/(@channel|@master|@slave|clipboard|mouse)',
     'of types of character device that are refused'),
    (r'/devices/rng/backend/(@type|log|protocol|source)', 'of a model of back end that is refused'),
]


class Schema:
    """The paths in a RELAX NG schema, by following references."""

    def __init__(self, name):
        self.defines = {}
        self.paths = set()
        self.load(name)

    def load(self, name):
        root = ET.parse(os.path.join(SCHEMAS, name)).getroot()
        for include in root.iter(RNG + 'include'):
            self.load(include.get('href'))
        for define in root.iter(RNG + 'define'):
            self.defines.setdefault(define.get('name'), []).append(define)

    def names(self, node):
        if node.get('name'):
            return [node.get('name')]
        first = node[0]
        if first.tag == RNG + 'name':
            return [first.text]
        return [name.text for name in first if name.tag == RNG + 'name']

    def walk(self, node, path, inside):
        if node.tag == RNG + 'element':
            for name in self.names(node):
                if ':' in name:
                    continue
                deeper = f'{path}/{name}'
                self.paths.add(deeper)
                if deeper.count('/') < DEEPEST:
                    for child in node:
                        self.walk(child, deeper, inside)
        elif node.tag == RNG + 'attribute':
            self.paths.update(f'{path}/@{name}' for name in self.names(node))
        elif node.tag == RNG + 'ref':
            name = node.get('name')
            if name not in inside:
                for define in self.defines.get(name, []):
                    for child in define:
                        self.walk(child, path, inside | {name})
        else:
            for child in node:
                self.walk(child, path, inside)


def rows_of(page):
    """Returns (paths that have rows or lead to them, paths of which all that is inside is taken)."""
    sections = re.split(r'\n## `<(\w+)>`\n', page)
    known, whole = set(), set()
    for name, body in zip(sections[1::2], sections[2::2]):
        for start, path in re.findall(r'^(\| |- )`([^`]+)`', body, re.M):
            full = f'{TABLES[name]}/' + re.sub(r'\[.*', '', path)
            steps = full.split('/')
            known.update('/'.join(steps[:end]) for end in range(2, len(steps) + 1))
            if start == '- ' and not steps[-1].startswith('@'):
                whole.add(full)
    return known, whole


def main(root):
    with open(os.path.join(root, 'docs/domain-xml.md'), encoding='utf-8') as file:
        known, whole = rows_of(file.read())
    if not os.path.exists(os.path.join(SCHEMAS, 'domain.rng')):
        must = os.environ.get('COPPICE_CHECK')
        print('1..1')
        print('not ok 1 libvirt\'s schemas are missing' if must
              else 'ok 1 # SKIP libvirt\'s schemas are not installed')
        return 1 if must else 0

    schema = Schema('domain.rng')
    for define in schema.defines['domain']:
        for child in define:
            schema.walk(child, '', frozenset())
    paths = {path.removeprefix('/domain') for path in schema.paths} - {''}

    def taken(path):
        steps = path.split('/')
        return path in known or any('/'.join(steps[:end]) in whole
                                    for end in range(2, len(steps) + 1))

    missing = [path for path in sorted(paths) if not taken(path)]
    used = {pattern for pattern, _ in EXCEPTIONS for path in missing if re.match(pattern, path)}
    missing = [path for path in missing
               if not any(re.match(pattern, path) for pattern, _ in EXCEPTIONS)]
    idle = [pattern for pattern, _ in EXCEPTIONS if pattern not in used]

    cases = [(f'libvirt\'s {len(paths)} places are known', missing),
             ('every exception is needed', idle),
             ('the schema was walked', [] if len(paths) > 1000 else ['too few places'])]
    print(f'1..{len(cases)}')
    for number, (title, complaints) in enumerate(cases, 1):
        print(f'{"not ok" if complaints else "ok"} {number} {title}')
        for complaint in complaints:
            print(f'# {complaint}')
    return 1 if any(complaints for _, complaints in cases) else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1]))
