#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Arrows between the rooms point one way: an #include against one fails here.

    tools -> driver -> {xml, store, engine};  xml -> engine's config struct;  all -> common

Prints TAP: one case for each room, and one each for private headers and for the tables themselves.
"""
import os
import re
import sys
from collections import namedtuple

# folder: where the room's files are; rooms inside have rows of their own, further up.
# may: what its files may include, as "folder/" or as one header; its own folder goes without saying.
# never: libraries whose headers it must not see.
Room = namedtuple('Room', 'folder may never')

ENGINE_CORE = ['common/', 'engine/riscv/', 'engine/dev/', 'engine/block/', 'engine/net/']
ENGINE_TOP = ['engine/' + name for name in (
    'clock.h', 'config.h', 'counters.h', 'engine.h', 'iov.h', 'machine.h', 'machine-private.h', 'ram.h',
    'ram-trim.h', 'state.h')]

ROOMS = [
    # The engines only make things fast: what holds state and meaning knows none of them.
    Room('src/engine/riscv', ENGINE_CORE + ENGINE_TOP, ['libxml']),
    Room('src/engine/dev', ENGINE_CORE + ENGINE_TOP, ['libxml']),
    Room('src/engine/block', ['common/', 'engine/iov.h'], ['libxml']),
    Room('src/engine/net', ['common/', 'engine/iov.h', 'engine/config.h'], ['libxml']),
    Room('src/engine/interp', ['common/', 'engine/riscv/'] + ENGINE_TOP, ['libxml']),
    Room('src/engine/jit', ['common/', 'engine/riscv/', 'engine/interp/'] + ENGINE_TOP,
         ['libxml']),
    Room('src/engine', ['common/'], ['libxml']),
    Room('src/store', ['common/'], ['libxml']),
    Room('xml', ['common/', 'engine/config.h', 'engine/riscv/isa.h', 'engine/state.h'], []),
    Room('src/driver', ['common/', 'engine/', 'store/', 'xml/'], []),
    Room('src/common', [], ['libxml', 'gio']),
    Room('tools', ['common/', 'engine/', 'store/', 'xml/', 'driver/'], []),
]

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)


def files_of(root):
    """Yields (folder, path) of every C file, paths relative to the source tree."""
    for top in ('src', 'xml', 'tools'):
        for folder, _, names in os.walk(os.path.join(root, top)):
            for name in names:
                if name.endswith(('.c', '.h')):
                    yield os.path.relpath(folder, root), os.path.relpath(
                        os.path.join(folder, name), root)


def includes_of(root, path):
    """Yields (quote, name, line) of every #include."""
    with open(os.path.join(root, path), encoding='utf-8') as file:
        text = file.read()
    for match in INCLUDE.finditer(text):
        yield match[1], match[2], text.count('\n', 0, match.start()) + 1


def room_of(folder):
    """The innermost room that a file's folder lies in."""
    for room in ROOMS:
        if folder == room.folder or folder.startswith(room.folder + '/'):
            return room
    return None


def own_prefix(folder):
    """How a room's headers are named in #include: below src/ without it."""
    return folder.removeprefix('src/') + '/'


def home_of(root, path, name):
    """The folder of the header that @path means by @name, or None when it is not ours."""
    for base in ('src', '', 'tools', os.path.dirname(path)):
        if os.path.exists(os.path.join(root, base, name)):
            return os.path.normpath(os.path.join(base, os.path.dirname(name)))
    return None


def check_room(room, lines, root, used):
    complaints = []
    for path in lines:
        for quote, name, number in includes_of(root, path):
            where = f'{path}:{number}: #include {name}'
            if quote == '<':
                if name.split('/')[0] in room.never:
                    complaints.append(f'{where}: this room must not see that library')
                continue
            home = home_of(root, path, name)
            if home is None:
                continue        # the build makes it
            full = home.removeprefix('src/') + '/' + os.path.basename(name)
            if room_of(home) is room or full.startswith(own_prefix(room.folder)):
                continue
            allowed = [may for may in room.may
                       if (full.startswith(may) if may.endswith('/') else full == may)]
            used.update((room.folder, may) for may in allowed)
            if not allowed:
                complaints.append(f'{where}: against the arrows; {room.folder} may see '
                                  + (', '.join(room.may) or 'nothing of ours'))
    return complaints


def check_private(files, root):
    """A header called -private.h is for its own part: src/engine, src/store, tools/vmtool, ..."""
    def part(folder):
        return folder.split('/')[:2]

    complaints = []
    for folder, path in files:
        for quote, name, number in includes_of(root, path):
            if quote == '"' and name.endswith('-private.h'):
                home = home_of(root, path, name)
                if home and part(folder) != part(home):
                    complaints.append(f'{path}:{number}: #include {name}: private to {home}')
    return complaints


def check_tables(files, used):
    """Every file is in a room, and an exception by name is still needed."""
    complaints = [f'{path}: no room holds it' for folder, path in files if not room_of(folder)]
    alive = {room_of(folder).folder for folder, _ in files if room_of(folder)}
    for header in ENGINE_TOP:
        if not any(may == header for _, may in used):
            complaints.append(f'no room of the engine needs {header} any more')
    for room in ROOMS:
        for may in room.may:
            if (room.folder in alive and may.endswith('.h') and may not in ENGINE_TOP
                    and (room.folder, may) not in used):
                complaints.append(f'{room.folder} does not need {may} any more')
    return complaints


def main(root):
    files = sorted(files_of(root))
    used = set()
    cases = []
    for room in ROOMS:
        paths = [path for folder, path in files if room_of(folder) is room]
        cases.append((room.folder, check_room(room, paths, root, used)))
    cases.append(('private headers', check_private(files, root)))
    cases.append(('tables', check_tables(files, used)))

    print(f'1..{len(cases)}')
    for number, (title, complaints) in enumerate(cases, 1):
        print(f'{"not ok" if complaints else "ok"} {number} {title}')
        for complaint in complaints:
            print(f'# {complaint}')
    return 1 if any(complaints for _, complaints in cases) else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1]))
